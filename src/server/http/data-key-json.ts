import { checkValue } from '../../core/derive.ts';
import { base64Length, writeBase64 } from '../../core/encoding.ts';
import type { DataKey } from '../../data-keys/data-keys.ts';

/**
 * The JSON of a data key, in bytes: the key itself never becomes a string, which nobody could wipe. Whoever sends
 * the buffer wipes it.
 */
export function dataKeyJson(key: DataKey): Buffer {
  const bytes = key.key.expose();
  const check = checkValue(key.key);
  const head = `{"dataKeyId":${JSON.stringify(key.id)},"dataKey":"`;
  const middle = `","length":${bytes.length},"version":${key.version},"check":"`;
  const tail = `","created":${key.created},"source":"${key.source}"}`;
  const keyAt = Buffer.byteLength(head);
  const middleAt = keyAt + base64Length(bytes.length);
  const checkAt = middleAt + middle.length;
  const tailAt = checkAt + base64Length(check.length);
  const out = Buffer.allocUnsafe(tailAt + tail.length);
  out.write(head);
  writeBase64(out, keyAt, bytes);
  out.write(middle, middleAt, 'latin1');
  writeBase64(out, checkAt, check);
  out.write(tail, tailAt, 'latin1');
  return out;
}
