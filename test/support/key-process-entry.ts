/** A process that gets stored data keys as it is told by its parent, and tells it every answer. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeysteadError } from '../../src/core/errors.ts';
import { parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';
import type { DataKeys } from '../../src/data-keys/data-keys.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { openKek, openStore } from '../../src/providers/open.ts';
import type { KeyProcessAnswer, KeyProcessOrder } from './key-process.ts';
import { testCall } from './services.ts';

const [kms = '', storage = ''] = process.argv.slice(2);
const random = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };
const clock = {
  now: () => new Date(),
  sleep: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
};

async function open(): Promise<DataKeys> {
  const secrets = { env: {}, readFile: () => Promise.reject(new Error('no files here')) };
  const { kek } = await openKek(parseKmsUri(kms), { random, secrets });
  const store = await openStore(parseStorageUri(storage), { secrets });
  if (store === undefined) throw new Error('a store is needed');
  // As the service does at its start: connections and tokens are there when the first call comes.
  for (const door of [store, kek]) {
    while (!(await door.check(testCall()).then(() => true, isFinal))) await sleep(20);
  }
  return storedDataKeys({ kek, store, random, clock });
}

/** Throws what will not be better the next time. */
function isFinal(error: unknown): false {
  if (!KeysteadError.from(error).retryable) throw error;
  return false;
}

function tell(answer: KeyProcessAnswer): void {
  process.send?.(answer);
}

async function getOnce(dataKeys: DataKeys, id: string): Promise<'again' | 'told'> {
  try {
    const answer = await dataKeys.get({ id, length: 32, create: 'if-missing' }, testCall());
    const { version, created, key } = answer;
    tell({ id, version, created, key: Buffer.from(key.expose()).toString('hex') });
    return 'told';
  } catch (error) {
    const { reason, message, code } = KeysteadError.from(error);
    if (['unavailable', 'aborted', 'deadline_exceeded'].includes(code)) return 'again';
    tell({ id, failed: `${reason}: ${message}` });
    return 'told';
  }
}

const dataKeys = await open();
process.on('message', ({ ids, times }: KeyProcessOrder) => {
  for (const id of ids) {
    for (let n = 0; n < times; n++) {
      void (async () => {
        while ((await getOnce(dataKeys, id)) === 'again') await sleep(20);
      })();
    }
  }
});
process.on('disconnect', () => process.exit(0));
tell({ ready: true });
