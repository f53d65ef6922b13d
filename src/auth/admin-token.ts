import { hash, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Authenticator } from '../core/authenticator.ts';
import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { ADMIN_GROUP } from '../core/policy.ts';

/** Characters: an admin token shorter than this can be guessed. */
const MIN_TOKEN_LENGTH = 16;
/** Bytes; a file that is larger is not a token. */
const MAX_TOKEN_LENGTH = 4096;
const ADMIN: Principal = { kind: 'token', name: 'admin', groups: [ADMIN_GROUP] };

/** An authenticator that can be told from another one: the same id, the same callers. */
export interface NamedAuthenticator extends Authenticator {
  /** For comparison in this process; never to be shown. */
  readonly id: string;
}

/**
 * The bearer token of the administrator, kept as its SHA-256 and compared in constant time.
 *
 * @param token one trailing newline is not part of it, since editors add one. Throws `bad-config` when it is short.
 * @param where names the token in the error text, which never holds the token.
 */
export function adminToken(token: string, where = 'the admin token'): NamedAuthenticator {
  const wanted = token.replace(/\r?\n$/, '');
  // Visible ASCII: what a header can carry as it is.
  if (wanted.length < MIN_TOKEN_LENGTH || !/^[!-~]+$/.test(wanted)) {
    throw new KeysteadError(
      'bad-config',
      `${where} must be at least ${MIN_TOKEN_LENGTH} characters of visible ASCII, without white space`,
    );
  }
  const expected = sha256(wanted);
  return {
    id: hash('sha256', expected),
    async authenticate({ authorization }) {
      const given = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
      if (given === undefined || !timingSafeEqual(sha256(given), expected)) return undefined;
      return ADMIN;
    },
  };
}

/** Reads the token out of its file. Throws `no-file` or `bad-config`, naming the file. */
export async function readAdminToken(file: string): Promise<NamedAuthenticator> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile())
      throw new KeysteadError('bad-config', `the admin token file ${file} is not a file`);
    const buffer = Buffer.alloc(MAX_TOKEN_LENGTH + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MAX_TOKEN_LENGTH) {
      throw new KeysteadError('bad-config', `the admin token file ${file} is longer than ${MAX_TOKEN_LENGTH} bytes`);
    }
    return adminToken(buffer.toString('utf8', 0, bytesRead), `the admin token in ${file}`);
  } catch (error) {
    if (error instanceof KeysteadError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new KeysteadError('no-file', `the admin token file ${file} is not there`, { cause: error });
    }
    throw new KeysteadError('bad-config', `the admin token file ${file} cannot be read (${code})`, { cause: error });
  } finally {
    await handle?.close();
  }
}

function sha256(text: string): Uint8Array {
  return hash('sha256', text, 'buffer');
}
