import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { join, normalize } from 'node:path';

export const emulatorsFolder = normalize(join(import.meta.dirname, '..', 'emulators'));

/** Where the emulators are installed, and their logs. */
export const emulatorsHome =
  process.env['EMULATORS_HOME'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keystead', 'emulators');

/** Whose emulators they are: no other checkout, no other user and no other installation shares them. */
const OWNER = `${emulatorsFolder} of ${userInfo().username} in ${emulatorsHome}`;
/** Below the ports that systems give to connections by themselves, above the base that start.sh uses by hand. */
const FIRST_BASE = 24_000;
const BASE_STEP = 500;
const BASES = 16;
/** Longer than a keeper takes to find out whether the ports beside its own are free. */
const GREETING_MS = 3000;

/** The port bases to try, in order: each checkout begins at another one. EMULATORS_PORT_BASE leaves that one only. */
export function candidateBases(): number[] {
  const given = process.env['EMULATORS_PORT_BASE'];
  if (given !== undefined) return [Number(given)];
  const first = createHash('sha256').update(OWNER).digest().readUInt16BE() % BASES;
  return Array.from({ length: BASES }, (_, n) => FIRST_BASE + ((first + n) % BASES) * BASE_STEP);
}

/** What a keeper says first to whoever connects. */
export const GREETING = `${JSON.stringify({ keeper: OWNER })}\n`;

/** A connection to this checkout's keeper, which has greeted; undefined where nobody or somebody else listens. */
export async function connectToKeeper(port: number): Promise<Socket | undefined> {
  const socket = connect(port, '127.0.0.1');
  let said = '';
  const greeted = await new Promise<boolean>((resolve) => {
    socket.setEncoding('utf8');
    socket.setTimeout(GREETING_MS, () => resolve(false));
    socket.on('data', (text) => {
      said += text;
      if (said.includes('\n')) resolve(said === GREETING);
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
  socket.removeAllListeners('data').setTimeout(0);
  if (greeted) return socket;
  socket.destroy();
  return undefined;
}
