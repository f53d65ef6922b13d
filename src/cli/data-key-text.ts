import type { DataKey, DataKeyInfo } from '../client/answers.ts';
import { base64Length, toBase64, writeBase64 } from '../core/encoding.ts';
import { printableJson } from '../core/printable-json.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import { entries } from './output.ts';

/** The key as a line of base64, in bytes that the caller wipes. */
export function base64Line(key: SecretBytes): Buffer {
  const out = Buffer.alloc(base64Length(key.length) + 1, '\n');
  writeBase64(out, 0, key.expose());
  return out;
}

/** The JSON that the API answers with, as `printableJson` has it, in bytes that the caller wipes: the key never becomes a string. */
export function dataKeyJson({ id, key, version, check, created, source }: DataKey): Buffer {
  const head = Buffer.from(`{"dataKeyId":${printableJson(id)},"dataKey":"`);
  const rest = JSON.stringify({ length: key.length, version, check: toBase64(check), created, source });
  const tail = Buffer.from(`",${rest.slice(1)}\n`);
  const out = Buffer.alloc(head.length + base64Length(key.length) + tail.length);
  out.set(head);
  writeBase64(out, head.length, key.expose());
  out.set(tail, out.length - tail.length);
  return out;
}

/** What is known of a data key, for people. */
export function dataKeyInfoText(info: DataKeyInfo, more: Readonly<Record<string, number>> = {}): string {
  const { id, state, version, source, length, kek, kekVersion, createdAt, purgeAt, etag } = info;
  const times = { 'created at': createdAt, 'purge at': purgeAt };
  return entries({ id, state, version, source, length, kek, 'kek version': kekVersion, ...times, etag, ...more });
}

/** The same JSON that the API describes a data key with. */
export function dataKeyInfoJson({ id, ...rest }: DataKeyInfo): object {
  return { dataKeyId: id, ...rest };
}
