import { spawn } from 'node:child_process';

/** What a volume remembers of its key: nothing secret. It lies in the token area of the LUKS2 header. */
export interface KeyToken {
  readonly type: 'keystead';
  readonly keyslots: readonly string[];
  readonly id: string;
  readonly version: number;
  /** Base64. */
  readonly check: string;
}

const TOKEN_SLOT = '0';

export async function isLuks(device: string): Promise<boolean> {
  return (await cryptsetup(['isLuks', '--type', 'luks2', device])).status === 0;
}

/** The UUID of the header. */
export async function uuidOf(device: string): Promise<string> {
  return (await done(['luksUUID', device])).trim();
}

/** Makes a LUKS2 header with this UUID and this key. Whatever was on the device is lost. */
export async function format(device: string, uuid: string, key: Uint8Array, extra: readonly string[]): Promise<void> {
  await done(
    ['luksFormat', '--type', 'luks2', '--batch-mode', '--uuid', uuid, '--key-file', '-', ...extra, device],
    key,
  );
}

export async function writeToken(device: string, token: KeyToken): Promise<void> {
  const args = ['token', 'import', '--token-id', TOKEN_SLOT, '--json-file', '-', device];
  await done(args, Buffer.from(JSON.stringify(token)));
}

/** Undefined where there is none. */
export async function readToken(device: string): Promise<KeyToken | undefined> {
  const { status, stdout } = await cryptsetup(['token', 'export', '--token-id', TOKEN_SLOT, device]);
  if (status !== 0) return undefined;
  const token = JSON.parse(stdout) as KeyToken;
  return token.type === 'keystead' ? token : undefined;
}

/** Opens the device as /dev/mapper/NAME, or only tries the key where no name is given. */
export async function open(device: string, key: Uint8Array, name: string | undefined): Promise<void> {
  const what = name === undefined ? ['--test-passphrase', device] : [device, name];
  await done(['open', '--type', 'luks2', '--key-file', '-', ...what], key);
}

async function done(args: readonly string[], input?: Uint8Array): Promise<string> {
  const { status, stdout, stderr } = await cryptsetup(args, input);
  if (status === 0) return stdout;
  throw new Error(`cryptsetup ${args[0]} failed (${status}): ${stderr.trim()}`);
}

/** The key goes through a pipe, never over the command line or a file. */
function cryptsetup(args: readonly string[], input: Uint8Array = new Uint8Array()) {
  return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn('cryptsetup', ['--disable-external-tokens', ...args], { stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
