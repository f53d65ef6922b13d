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
  const room = ' '.repeat(base64Length(bytes.length));
  const check = toBase64(checkValue(key.key));
  const text = `${head}${room}","length":${bytes.length},"version":${key.version},"check":"${check}","created":${key.created},"source":"${key.source}"}`;
  const out = Buffer.allocUnsafe(Buffer.byteLength(text));
  out.write(text);
  writeBase64(out, Buffer.byteLength(head), bytes);
  return out;
}
