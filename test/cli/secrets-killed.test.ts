import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { keystead } from './terminal.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const BROKEN = import.meta.resolve('../support/broken-writes.ts');
const PLAIN = `# mine
path: /a
region: r
kmskey: k
parameters:
  - name: db/password
    description: ''
    type: SecureString
    value: hunter2
`;
t.setTimeout(400_000);

interface House {
  /** An empty folder. */
  readonly disk: string;
  readonly kek: string;
  readonly next: string;
  readonly sealed: string;
}

/** Two KEKs, a folder, and the text of a file that is sealed under the first one. */
async function house(t: Test): Promise<House> {
  const disk = join(t.testdir({ 'f.yml': PLAIN, disk: {} }), 'disk');
  const [kek, next, path] = ['kek', 'next', 'f.yml'].map((name) => join(disk, '..', name)) as [string, string, string];
  for (const one of [kek, next]) await keystead(['kek', 'generate', '--dir', one]);
  const around = { env: { KEYSTEAD_KEK_DIR: kek } };
  await keystead(['secrets', 'encrypt', '--kek', 'kms://cluster-kms', '-i', path], around);
  return { disk, kek, next, sealed: readFileSync(path, 'utf8') };
}

/** A command that writes a file. */
interface Writer {
  readonly argv: (dir: string, house: House) => readonly string[];
  /** The file that it writes; `f.yml` when absent. */
  readonly file?: string;
  /** Its text before the command; absent where there is none. */
  readonly before?: (house: House) => string;
  /** What the file says then: a text, or the value that `get` gives under a KEK. */
  readonly after: string | { readonly value: string; readonly kek: 'kek' | 'next' };
}

const KEK = 'kms://cluster-kms';
const POINTS = ['written', 'renamed'];
const OPENS = { value: 'hunter2', kek: 'kek' } as const;
const CHANGED = { value: 'hunter3', kek: 'kek' } as const;
const before = ({ sealed }: House) => sealed;
const toDotenv = (verb: string) => (dir: string) => [
  verb,
  '--target',
  `parameters://dotenv?file=${dir}/it.env`,
  `${dir}/f.yml`,
];
const WRITERS: Readonly<Record<string, Writer>> = {
  encrypt: { before: () => PLAIN, argv: (dir) => ['encrypt', '--kek', KEK, '-i', `${dir}/f.yml`], after: OPENS },
  decrypt: { before, argv: (dir) => ['decrypt', '-i', `${dir}/f.yml`], after: 'value: hunter2\n' },
  refresh: { before, argv: (dir) => ['refresh', '-i', `${dir}/f.yml`], after: OPENS },
  'rotate-kek': {
    before,
    argv: (dir, { next }) => {
      const to = `${KEK}?key=file://${next}/mastersecret&salt=file://${next}/salt`;
      return ['rotate-kek', '-i', '--to', to, `${dir}/f.yml`];
    },
    after: { ...OPENS, kek: 'next' },
  },
  set: { before, argv: (dir) => ['set', `${dir}/f.yml`, 'db/password'], after: CHANGED },
  edit: { before, argv: (dir) => ['edit', `${dir}/f.yml`], after: CHANGED },
  'merge-driver': {
    before,
    argv: (dir) => ['merge-driver', `${dir}/base`, `${dir}/f.yml`, `${dir}/theirs`, 'f.yml'],
    after: 'description: theirs\n',
  },
  sync: { file: 'it.env', before: () => 'DB_PASSWORD=one\n', argv: toDotenv('sync'), after: 'DB_PASSWORD=hunter2\n' },
  save: { file: 'it.env', argv: toDotenv('save'), after: 'DB_PASSWORD=hunter2\n' },
};

/** Puts the files of a command where it is to run, and gives the text of the one that it writes. */
function furnish(dir: string, { file = 'f.yml', before }: Writer, house: House): string | undefined {
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
  for (const name of ['f.yml', 'base']) writeFileSync(join(dir, name), house.sealed);
  writeFileSync(join(dir, 'theirs'), house.sealed.replace("description: ''", 'description: theirs'));
  const text = before?.(house);
  if (text !== undefined) writeFileSync(join(dir, file), text);
  return text;
}

/** A small disk in a mount namespace of its own, with no room left; what is on it at the end is copied to the second folder. */
const ON_A_FULL_DISK = `
disk=$0 seen=$1
shift
rm -rf "$seen"
cp -a "$disk" "$seen"
mount -t tmpfs -o size=48k none "$disk" || exit 99
cp -a "$seen"/. "$disk"
dd if=/dev/zero of="$disk/filler" 2>/dev/null
"$@"
status=$?
rm -r "$disk/filler" "$seen"
cp -a "$disk" "$seen"
exit $status`;
const UNSHARE = 'unshare';
const FLAGS = ['--user', '--map-root-user', '--mount', 'sh', '-c'];

/** Runs the command in a process of its own, whose writing breaks at some point. */
async function run({ argv }: Writer, house: House, at: string, within: readonly string[] = []) {
  const [command = '', ...rest] = [
    ...within,
    process.execPath,
    '--import',
    BROKEN,
    MAIN,
    'secrets',
    ...argv(house.disk, house),
  ];
  const child = spawn(command, rest, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, BROKEN_WRITES: at, KEYSTEAD_KEK_DIR: house.kek, VISUAL: 'sed -i s/hunter2/hunter3/' },
  });
  child.stdin.end('hunter3');
  const said = child.stderr.toArray();
  const [status, signal] = await once(child, 'close');
  return { status, signal, stderr: Buffer.concat(await said).toString() };
}

/** The guard has to see that the process is gone. */
async function assertNothingLeft(t: Test, dir: string, there: readonly string[]): Promise<void> {
  const left = () => readdirSync(dir).filter((name) => !there.includes(name));
  for (const end = Date.now() + 60_000; left().length > 0 && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.same(left(), [], 'nothing is left beside the file');
}

async function assertNew(t: Test, path: string, { after }: Writer, house: House): Promise<void> {
  if (typeof after === 'string') return void t.match(readFileSync(path, 'utf8'), after);
  const env = { KEYSTEAD_KEK_DIR: house[after.kek] };
  t.match(await keystead(['secrets', 'get', path, 'db/password'], { env }), { stdout: after.value, stderr: '' });
}

t.test(
  'killed in the middle of its write, each command leaves the old file or the new one, and nothing else',
  async (t) => {
    const rooms = await house(t);
    for (const [verb, writer] of Object.entries(WRITERS)) {
      await t.test(verb, async (t) => {
        const dir = rooms.disk;
        const path = join(dir, writer.file ?? 'f.yml');
        for (const at of verb === 'decrypt' ? ['half-written', ...POINTS] : POINTS) {
          const old = furnish(dir, writer, rooms);
          const there = [...readdirSync(dir), writer.file ?? ''];
          t.match(await run(writer, rooms, at), { signal: 'SIGKILL' }, at);
          await assertNothingLeft(t, dir, there);
          if (at === 'renamed') await assertNew(t, path, writer, rooms);
          else t.equal(existsSync(path) ? readFileSync(path, 'utf8') : undefined, old, 'it is the old file');
        }
      });
    }
  },
);

t.test('on a full disk each command says so, leaves the old file, and nothing else', async (t) => {
  const rooms = await house(t);
  const [disk, seen] = [rooms.disk, join(rooms.disk, '..', 'seen')];
  const real = spawnSync(UNSHARE, [...FLAGS, 'mount -t tmpfs none /mnt'], { stdio: 'ignore' }).status === 0;
  if (!real) t.comment('nothing may be mounted here: ENOSPC in the middle of a write stands for a full disk');
  for (const [verb, writer] of Object.entries(WRITERS)) {
    const old = furnish(disk, writer, rooms);
    const there = readdirSync(disk);
    const { status, stderr } = real
      ? await run(writer, rooms, '', [UNSHARE, ...FLAGS, ON_A_FULL_DISK, disk, seen])
      : await run(writer, rooms, 'full');
    const file = writer.file ?? 'f.yml';
    t.equal(status, 1, verb);
    t.match(stderr, `keystead: ${disk}/${file} cannot be written (the disk is full, ENOSPC) (cannot-write)\n`);
    const end = real ? seen : disk;
    t.equal(existsSync(join(end, file)) ? readFileSync(join(end, file), 'utf8') : undefined, old, 'it is the old file');
    t.same(readdirSync(end), there, 'nothing is left beside the file');
  }
});
