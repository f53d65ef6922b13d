import type { FastifyReply } from 'fastify';
import { checkValue } from '../../core/derive.ts';
import { toBase64 } from '../../core/encoding.ts';
import type { DataKey } from '../../data-keys/data-keys.ts';
import { sendSecret } from './answer.ts';

/** Sends the key's bytes alone, and what is known of it in headers. */
export function sendRawDataKey(reply: FastifyReply, key: DataKey): FastifyReply {
  const bytes = key.key.expose();
  return sendSecret(reply, Buffer.from(bytes), 'application/octet-stream', [
    'keystead-data-key-id',
    encodeURIComponent(key.id),
    'keystead-length',
    String(bytes.length),
    'keystead-version',
    String(key.version),
    'keystead-check',
    toBase64(checkValue(key.key)),
    'keystead-created',
    String(key.created),
    'keystead-source',
    key.source,
  ]);
}
