import { checkValue } from '../../core/derive.ts';
import { base64Length, toBase64, writeBase64 } from '../../core/encoding.ts';
import type { DataKey } from '../../data-keys/data-keys.ts';

/**
 * The JSON of a data key, in bytes: the key itself never becomes a string, which nobody could wipe. Whoever sends
 * the buffer wipes it.
 */
export function dataKeyJson(key: DataKey): Buffer {
  const bytes = key.key.expose();
  const head = `{"dataKeyId":${JSON.stringify(key.id)},"dataKey":"`;
  const tail =
    `","length":${bytes.length},"version":${key.version},"check":"${toBase64(checkValue(key.key))}"` +
    `,"created":${key.created},"source":"${key.source}"}`;
  const headLength = Buffer.byteLength(head);
  const tailAt = headLength + base64Length(bytes.length);
  const out = Buffer.allocUnsafe(tailAt + tail.length);
  out.write(head);
  writeBase64(out, headLength, bytes);
  out.write(tail, tailAt, 'latin1');
  return out;
}
