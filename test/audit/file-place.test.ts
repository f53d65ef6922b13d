import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Appender } from '../../src/audit/append-aside.ts';
import { type FilePlaceOptions, filePlace } from '../../src/audit/file-place.ts';
import { HashChain } from '../../src/audit/hash-chain.ts';
import { syncedAppend } from '../../src/audit/synced-append.ts';
import type { Clock } from '../../src/core/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Test {
  teardown(fn: () => unknown): unknown;
}

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'keystead-audit-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

let marks = 0;

function open(t: Test, path: string, maxSize = 1_000_000, over: Partial<FilePlaceOptions> = {}) {
  const place = filePlace({ path, maxSize, clock: new FakeClock(), mark: `m${marks++}`, ...over });
  t.teardown(() => place.close());
  return place;
}

/** In the thread of the test, with a sync of its own. */
function synced(path: string, sync: () => void): Appender {
  return { append: async (fd, lines) => syncedAppend(fd, path, lines, sync), close: async () => true };
}

const IO_ERROR = Object.assign(new Error('no'), { errno: -constants.errno.EIO });

/** A clock on which no time passes, and that tells of every wait. */
function waiting(wait: () => void): Clock {
  return { now: () => new Date(0), sleep: async () => wait() };
}

const chained = (chain: HashChain, text: string) => chain.next(`{"audit":2,"text":"${text}"`);

t.test('lines are appended, and nobody else may read them', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const place = open(t, path);
  t.equal(await place.open?.(), undefined, 'nothing came before');
  await place.append('a\nb\n');
  await place.append('c\n');
  t.equal(readFileSync(path, 'utf8'), 'a\nb\nc\n');
  t.equal(statSync(path).mode & 0o777, 0o600);
});

t.test('a file that grows too large is put aside, and nothing is lost', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const place = open(t, path, 4);
  for (const line of ['aaaa\n', 'bbbb\n', 'cccc\n']) await place.append(line);
  const names = readdirSync(join(path, '..')).sort();
  t.equal(names.length, 3);
  t.match(names, [
    /^audit\.jsonl$/,
    /^audit\.jsonl\.20300101T000000\.000Z-m\d+$/,
    /^audit\.jsonl\.20300101T000000\.000Z-m\d+$/,
  ]);
  t.equal(readFileSync(path, 'utf8'), 'cccc\n');
});

t.test('a file that is deleted underneath is begun anew', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const place = open(t, path);
  await place.append('a\n');
  unlinkSync(path);
  await place.append('b\n');
  t.equal(readFileSync(path, 'utf8'), 'b\n');
});

t.test('a file that is deleted while it is synced is begun anew with the same lines', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  let deleted = false;
  const sync = () => {
    if (!deleted) unlinkSync(path);
    deleted = true;
  };
  const place = open(t, path, 1_000_000, { appender: synced(path, sync) });
  await place.append('a\n');
  await place.append('b\n');
  t.equal(readFileSync(path, 'utf8'), 'a\nb\n');
});

t.test('a file that is moved away keeps what goes on to it for a moment, and is begun anew', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const clock = new FakeClock();
  const place = open(t, path, 1_000_000, { clock });
  await place.append('a\n');
  renameSync(path, `${path}.1`);
  await place.append('b\n');
  await place.append('c\n');
  renameSync(path, `${path}.2`);
  await clock.advance(100);
  await place.append('d\n');
  const names = ['audit.jsonl.1', 'audit.jsonl.2', 'audit.jsonl'];
  t.same(
    names.map((name) => readFileSync(join(path, '..', name), 'utf8')),
    ['a\nb\n', 'c\n', 'd\n'],
  );
});

t.test('lines that could not be synced do not stand there twice', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  let fails = false;
  const sync = () => {
    if (fails) throw IO_ERROR;
  };
  const place = open(t, path, 1_000_000, { appender: synced(path, sync) });
  await place.append('a\n');
  fails = true;
  await t.rejects(place.append('b\nc\n'), { code: 'EIO' });
  t.equal(readFileSync(path, 'utf8'), 'a\n', 'they are taken back');
  fails = false;
  await place.append('b\nc\n');
  t.equal(readFileSync(path, 'utf8'), 'a\nb\nc\n');
});

t.test('what another process has written meanwhile is never taken back', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  let fails = true;
  const sync = () => {
    if (!fails) return;
    appendFileSync(path, 'other\n');
    throw IO_ERROR;
  };
  const place = open(t, path, 1_000_000, { appender: synced(path, sync) });
  await t.rejects(place.append('a\n'), { code: 'EIO' });
  fails = false;
  await place.append('a\n');
  t.equal(readFileSync(path, 'utf8'), 'a\nother\na\n');
});

t.test('two processes may share a file: each line stays whole', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const places = [open(t, path, 5000), open(t, path, 5000)];
  const lines = Array.from({ length: 200 }, (_, n) => `${String(n).padStart(99, '.')}\n`);
  await Promise.all(
    places.map(async (place) => {
      for (const line of lines) await place.append(line);
    }),
  );
  const text = readdirSync(join(path, '..'))
    .map((name) => readFileSync(join(path, '..', name), 'utf8'))
    .join('');
  t.equal(text.length, 2 * 200 * 100);
  t.same(
    text.split('\n').filter((line) => line !== '' && line.length !== 99),
    [],
  );
});

t.test('a new trail says what it follows', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const chain = new HashChain('a'.repeat(32));
  await open(t, path).append(chained(chain, 'one') + chained(chain, 'two'));
  t.same(await open(t, path).open?.(), { after: chain.head });
});

t.test('a line that a crash has cut is told, and what follows stands on a line of its own', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const chain = new HashChain('a'.repeat(32));
  const whole = chained(chain, 'one');
  writeFileSync(path, `${whole}{"audit":2,"te`);
  const place = open(t, path, 1_000_000, { clock: waiting(() => {}) });
  t.same(await place.open?.(), { after: chain.head, cut: 14 });
  await place.append('next\n');
  t.equal(readFileSync(path, 'utf8'), `${whole}{"audit":2,"te\nnext\n`);
});

t.test('a line that another process is writing at this moment has not been cut', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const chain = new HashChain('a'.repeat(32));
  const [first, second] = [chained(chain, 'one'), chained(chain, 'two')];
  writeFileSync(path, first + second.slice(0, 14));
  const rest = [second.slice(14, 50), second.slice(50)];
  const place = open(t, path, 1_000_000, { clock: waiting(() => appendFileSync(path, rest.shift() ?? '')) });
  t.same(await place.open?.(), { after: chain.head });
  t.equal(readFileSync(path, 'utf8'), first + second);
});

t.test('lines that were taken away from the end are told by the checkpoint that was kept apart', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const chain = new HashChain('a'.repeat(32));
  const place = open(t, path);
  const first = chained(chain, 'one');
  const { head } = chain;
  const checkpoint = chain.next('{"audit":2,"type":"checkpoint"');
  await place.append(first + checkpoint);
  await place.keepHead?.(checkpoint);
  t.equal(statSync(`${path}.head`).mode & 0o777, 0o600);
  t.same(await open(t, path).open?.(), { after: chain.head }, 'all is there');
  truncateSync(path, first.length);
  t.same(await open(t, path).open?.(), { after: head, lost: chain.head });
  truncateSync(path, 0);
  t.same(await open(t, path).open?.(), { lost: chain.head });
});

t.test('each of several chains keeps its own head', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const place = open(t, path);
  const [a, b] = [new HashChain('a'.repeat(32)), new HashChain('b'.repeat(32))];
  for (const chain of [a, b, a]) await place.keepHead?.(chained(chain, 'checkpoint'));
  const heads = readFileSync(`${path}.head`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(
    heads.map(({ chain, seq }) => [chain[0], seq]),
    [
      ['b', 1],
      ['a', 2],
    ],
  );
});

t.test('a full device and a folder are refused, naming the system’s own word', async (t) => {
  await t.rejects(open(t, '/dev/full').append('a\n'), { message: /not a file/ });
  await t.rejects(open(t, folder(t)).append('a\n'), { code: 'EISDIR' });
});

t.test('a file that others write to keeps their lines', async (t) => {
  const path = join(folder(t), 'audit.jsonl');
  const place = open(t, path);
  await place.append('a\n');
  appendFileSync(path, 'other\n');
  await place.append('b\n');
  t.equal(readFileSync(path, 'utf8'), 'a\nother\nb\n');
});
