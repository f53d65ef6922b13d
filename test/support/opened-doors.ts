import { randomBytes } from 'node:crypto';
import type { Kek } from '../../src/core/kek.ts';
import type { KeyAdmin } from '../../src/core/key-admin.ts';
import type { SecretSource } from '../../src/core/secret-reference.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';
import { openKek, openKeyAdmin, openStore } from '../../src/providers/open.ts';

interface Teardown {
  teardown(fn: () => unknown): unknown;
}

interface DoorDeps {
  readonly secrets: SecretSource;
  readonly timeoutMs?: number | undefined;
}

/** Another name at every call: the emulators are shared and keep their state. */
export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** @param head what stands before the question mark: `kms://aws`. */
export function uriText(head: string, names: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(names).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${head}?${pairs.join('&')}`;
}

/** The KEK of a URI, closed with the test. */
export async function openedKek(t: Teardown, text: string, { secrets, timeoutMs }: DoorDeps): Promise<Kek> {
  const uri = parseKmsUri(text);
  const random = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };
  try {
    const { kek } = await openKek(uri, { secrets, random, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    t.teardown(() => kek.close());
    return kek;
  } finally {
    disposeSecrets(uri);
  }
}

/** The store of a URI, closed with the test. */
export async function openedStore(t: Teardown, text: string, deps: DoorDeps): Promise<WrappedKeyStore> {
  const { secrets, timeoutMs } = deps;
  const uri = parseStorageUri(text);
  try {
    const store = await openStore(uri, { secrets, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    if (store === undefined) throw new Error(`${text} keeps nothing`);
    t.teardown(() => store.close());
    return store;
  } finally {
    disposeSecrets(uri);
  }
}

/** Who looks after the keys where the key of a URI is, closed with the test. */
export async function openedKeyAdmin(t: Teardown, text: string, { secrets, timeoutMs }: DoorDeps): Promise<KeyAdmin> {
  const uri = parseKmsUri(text);
  try {
    const admin = await openKeyAdmin(uri, { secrets, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    t.teardown(() => admin.close());
    return admin;
  } finally {
    disposeSecrets(uri);
  }
}
