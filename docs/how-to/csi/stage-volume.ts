// What a CSI driver does when a volume is staged on a node. Usage:
//   node stage-volume.ts DEVICE [NAME]
// opens DEVICE as /dev/mapper/NAME, formatting it first where it is new. Without NAME the key is only tried, which needs no device
// mapper. Settings: KEYSTEAD_SERVER, KEYSTEAD_TOKEN_FILE, KEYSTEAD_CA_FILE; KEY_PREFIX before the volume's UUID ("team-a/");
// FORMAT_OPTIONS for cryptsetup luksFormat.
import { randomUUID } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { type DataKey, KeysteadClient } from 'keystead/client';
import { format, isLuks, open, readToken, uuidOf, writeToken } from './luks.ts';

const KEY_LENGTH = 64;

const {
  KEYSTEAD_SERVER = 'http://127.0.0.1:8080',
  KEYSTEAD_TOKEN_FILE,
  KEYSTEAD_CA_FILE,
  KEY_PREFIX = '',
} = process.env;
const formatOptions = (process.env['FORMAT_OPTIONS'] ?? '').split(' ').filter(Boolean);
const [device, name] = process.argv.slice(2);
if (device === undefined) throw new Error('usage: stage-volume.ts DEVICE [NAME]');

const client = new KeysteadClient({
  server: KEYSTEAD_SERVER,
  ...(KEYSTEAD_TOKEN_FILE === undefined ? {} : { tokenFile: KEYSTEAD_TOKEN_FILE }),
  ...(KEYSTEAD_CA_FILE === undefined ? {} : { caFile: KEYSTEAD_CA_FILE }),
});

try {
  await ((await isLuks(device)) ? openOld(device) : openNew(device));
} catch (error) {
  process.stderr.write(`stage-volume: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

/** First the key, then the header: while the service is away nothing is written. */
async function openNew(device: string): Promise<void> {
  await assertBlank(device);
  const uuid = randomUUID();
  await withKey(await client.getDataKey(KEY_PREFIX + uuid, { length: KEY_LENGTH }), async (key) => {
    await format(device, uuid, key.key.expose(), formatOptions);
    await writeToken(device, tokenOf(key));
    await open(device, key.key.expose(), name);
    report('formatted', key);
  });
}

/** The very key that the header asks for, or none: `expect` refuses another one before it is used. */
async function openOld(device: string): Promise<void> {
  const token = await readToken(device);
  // Whoever formatted it died before the token was written, and before the volume was given to anybody.
  const wanted = token ?? { id: KEY_PREFIX + (await uuidOf(device)) };
  const exact = token === undefined ? {} : { version: token.version, expect: Buffer.from(token.check, 'base64') };
  await withKey(await client.getDataKey(wanted.id, { length: KEY_LENGTH, create: 'never', ...exact }), async (key) => {
    await open(device, key.key.expose(), name);
    if (token === undefined) await writeToken(device, tokenOf(key));
    report('opened', key);
  });
}

async function withKey(key: DataKey, use: (key: DataKey) => Promise<void>): Promise<void> {
  try {
    await use(key);
  } finally {
    key.key.dispose();
  }
}

function tokenOf({ id, version, check }: DataKey) {
  return { type: 'keystead', keyslots: ['0'], id, version, check: Buffer.from(check).toString('base64') } as const;
}

/** A volume that is neither LUKS nor empty belongs to somebody. */
async function assertBlank(device: string): Promise<void> {
  const file = await openFile(device, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1024 * 1024), 0, 1024 * 1024, 0);
    if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0))
      throw new Error(`${device} holds something else; nothing was changed`);
  } finally {
    await file.close();
  }
}

function report(what: string, { id, version }: DataKey): void {
  process.stdout.write(`${what} ${device} with version ${version} of ${id}\n`);
}
