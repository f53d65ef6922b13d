import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { TrailReport } from '../../../src/audit/verify/report.ts';
import { type VerifyOptions, verifyFiles } from '../../../src/audit/verify/verify-files.ts';
import { PUBLIC_KEY, TrailText } from '../support/trail-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'keystead-verify-'));
t.teardown(() => rmSync(folder, { recursive: true }));
let folders = 0;

/** Puts files into a folder of their own and verifies those that are no heads. */
async function verify(files: Readonly<Record<string, string | Buffer>>, over: Partial<VerifyOptions> = {}) {
  const own = mkdtempSync(join(folder, `${folders++}-`));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(own, name), content);
  const paths = Object.keys(files).filter((name) => !name.endsWith('.head'));
  const base = { heads: [], expected: [], checkpoint: 10_000, publicKeys: PUBLIC_KEY };
  return verifyFiles({ ...base, files: paths.map((name) => join(own, name)), ...over });
}

function kinds({ problems }: TrailReport): string[] {
  return problems.map(({ kind, line }) => `${line ?? '-'} ${kind}`);
}

function named(head: string) {
  const [chain = '', seq, hash = ''] = head.split(':');
  return { chain, seq: Number(seq), hash };
}

const whole = () => new TrailText('a').gets(3).mark('checkpoint').gets(2).mark('close');

t.test('a trail that nobody touched is intact, and its chain is described', async (t) => {
  const trail = whole();
  const report = await verify({ a: trail.toString() });
  t.same(report.problems, []);
  t.equal(report.intact, true);
  t.match(report.chains, [
    {
      chain: 'a'.repeat(32),
      lines: 8,
      firstSeq: 1,
      firstTime: '2030-01-01T00:00:00.000Z',
      lastTime: '2030-01-01T00:00:07.000Z',
      head: trail.head,
      checkpoints: 2,
      verified: 2,
      unvouched: 0,
      closed: true,
    },
  ]);
});

t.test('a trail without a closing line is intact and is not closed', async (t) => {
  const report = await verify({ a: new TrailText('a').gets(1).mark('checkpoint').gets(2).toString() });
  t.same(report.problems, []);
  t.match(report.chains, [{ closed: false, unvouched: 2 }]);
});

t.test('signatures are not checked without a public key, and are not counted as good', async (t) => {
  const report = await verify({ a: whole().toString() }, { publicKeys: undefined });
  t.equal(report.intact, true);
  t.match(report.chains, [{ checkpoints: 2, verified: 0 }]);
});

t.test('every change of one byte, in trail or head, is caught', async (t) => {
  const trail = whole();
  const head = Buffer.from(trail.lines.at(-1) as string);
  const text = Buffer.from(trail.toString());
  const caught = async (a: Buffer, kept: Buffer) => !(await verify({ a, 'a.head': kept })).intact;
  t.notOk(await caught(text, head), 'as it was');
  const byte = fc.integer({ min: 0, max: 255 });
  const change = fc.tuple(fc.constantFrom('flip', 'insert', 'delete'), fc.boolean(), fc.nat(), byte);
  await fc.assert(
    fc.asyncProperty(change, async ([how, inHead, where, value]) => {
      const changed = changedAt(inHead ? head : text, how, where, value);
      if (changed === undefined) return true;
      return inHead ? caught(text, changed) : caught(changed, head);
    }),
    { numRuns: 400 },
  );
});

function changedAt(bytes: Buffer, how: string, where: number, value: number): Buffer | undefined {
  const at = where % bytes.length;
  const put = how === 'delete' ? Buffer.alloc(0) : Buffer.of(value);
  const changed = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(how === 'insert' ? at : at + 1)]);
  return changed.equals(bytes) ? undefined : changed;
}

t.test('lines that are dropped, moved, doubled or brought from elsewhere are caught', async (t) => {
  const trail = whole();
  const foreign = new TrailText('a', { before: { cut: 1 } }).wait(9).gets(7).lines;
  const index = fc.nat({ max: trail.lines.length - 1 });
  const caught = async (lines: readonly string[]) => {
    return !(await verify({ a: lines.join(''), 'a.head': trail.lines.at(-1) as string })).intact;
  };
  await fc.assert(
    fc.asyncProperty(index, index, async (one, other) => {
      const { lines } = trail;
      t.ok((await caught(lines.toSpliced(one, 1))) || t.fail(`dropped ${one}`));
      t.ok((await caught(lines.toSpliced(other, 0, lines[one] as string))) || t.fail(`${one} again at ${other}`));
      t.ok((await caught(lines.with(one, foreign[one] as string))) || t.fail(`another line at ${one}`));
      t.ok((await caught(lines.slice(0, one))) || t.fail(`cut off at ${one}`));
      if (one === other) return;
      const swapped = lines.with(one, lines[other] as string).with(other, lines[one] as string);
      t.ok((await caught(swapped)) || t.fail(`swapped ${one} and ${other}`));
    }),
    { numRuns: 60 },
  );
});

t.test('what is wrong is told where it is, and once', async (t) => {
  const { lines } = whole();
  const edited = (lines[2] as string).replace('disk/1', 'disk/9');
  t.same(kinds(await verify({ a: lines.with(2, edited).join('') })), ['3 changed']);
  t.same(kinds(await verify({ a: lines.toSpliced(2, 1).join('') })), ['3 missing']);
  t.same(kinds(await verify({ a: lines.toSpliced(4, 0, lines[2] as string).join('') })), ['5 out-of-place']);
  t.same(kinds(await verify({ a: lines.toSpliced(3, 0, 'what\n').join('') })), ['4 unreadable']);
  t.same(kinds(await verify({ a: `${lines.join('')}${lines[1]}` })), ['9 out-of-place']);
});

t.test('a line that was replaced with its hash made anew breaks the link to the next one', async (t) => {
  const { lines } = whole();
  const forged = new TrailText('a').get('disk/0').get('disk/forged').lines[2] as string;
  t.same(kinds(await verify({ a: lines.with(2, forged).join('') })), ['4 broken-link']);
});

t.test('an unfinished last line is told as cut, and nothing else is wrong', async (t) => {
  const { lines } = whole();
  const text = lines.slice(0, 6).join('') + (lines[6] as string).slice(0, 50);
  t.same(kinds(await verify({ a: text })), ['7 cut']);
});

t.test('an unfinished line that the service has named when it was started again is no problem', async (t) => {
  const first = new TrailText('a').gets(3);
  const torn = '{"audit":2,"time":"20';
  const after = named(first.head);
  const second = new TrailText('b', { before: { after, cut: torn.length } }).gets(1).mark('close');
  const report = await verify({ a: `${first}${torn}\n${second}` });
  t.same(report.problems, []);
  t.equal(report.cutBefore, 1);
  const other = new TrailText('b', { before: { after, cut: 5 } }).mark('close');
  t.same(kinds(await verify({ a: `${first}${torn}\n${other}` })), ['5 unreadable']);
});

t.test('a chain that the next one follows must end no earlier than it says', async (t) => {
  const first = new TrailText('a').gets(3);
  const second = new TrailText('b', { before: { after: named(first.head) } }).mark('close');
  t.same((await verify({ a: `${first}${second}` })).problems, []);
  t.same(kinds(await verify({ a: `${first.lines.slice(0, 3).join('')}${second}` })), ['- truncated']);
  t.match((await verify({ a: second.toString() })).problems, [
    { kind: 'truncated', message: `--expect ${first.head}` },
  ]);
  const { problems } = await verify({ a: second.toString() }, { expected: [named(first.head)] });
  t.same(problems, [], 'it was put away, as is known');
});

t.test('what the service missed when it was started again stays a problem until it is found', async (t) => {
  const first = new TrailText('a').gets(3);
  const second = new TrailText('b', { before: { lost: named(first.head) } }).mark('close');
  t.same(kinds(await verify({ a: second.toString() })), ['- truncated']);
  t.same((await verify({ a: second.toString(), old: first.toString() })).problems, []);
});

t.test('files of one chain are one trail, in whatever order they are given', async (t) => {
  const { lines } = whole();
  const [one, two, three] = [lines.slice(0, 3), lines.slice(3, 5), lines.slice(5)].map((part) => part.join(''));
  const report = await verify({ c: three as string, a: one as string, b: two as string });
  t.same(report.problems, []);
  t.match(report.chains, [{ lines: 8, closed: true, unvouched: 0 }]);
  t.same(kinds(await verify({ c: three as string, a: one as string })), ['1 missing']);
  t.same(kinds(await verify({ a: one as string, b: two as string, again: two as string })), ['1 out-of-place']);
});

t.test('a chain whose beginning was put away is intact for who has noted where', async (t) => {
  const trail = new TrailText('a').gets(3);
  const { head } = trail;
  trail.gets(2).mark('close');
  const rest = trail.lines.slice(4).join('');
  t.match((await verify({ a: rest })).problems, [{ kind: 'missing', line: 1, message: `--expect ${head}` }]);
  t.same((await verify({ a: rest }, { expected: [named(head)] })).problems, []);
  const wrong = { ...named(head), hash: '1'.repeat(64) };
  t.not((await verify({ a: rest }, { expected: [wrong] })).problems.length, 0);
});

t.test('a line that is expected must be there, with its hash', async (t) => {
  const trail = new TrailText('a').gets(3).mark('close');
  const text = trail.toString();
  const { chain, seq, hash } = named(trail.head);
  t.same((await verify({ a: text }, { expected: [{ chain, seq, hash }] })).problems, []);
  t.same(kinds(await verify({ a: text }, { expected: [{ chain, seq: 9, hash }] })), ['- truncated']);
  t.same(kinds(await verify({ a: text }, { expected: [{ chain, seq: 2, hash }] })), ['2 changed']);
  t.same(kinds(await verify({ a: text }, { expected: [{ chain: 'e'.repeat(32), seq, hash }] })), ['- truncated']);
});

t.test('a head that stands beside the file tells that lines were cut off', async (t) => {
  const trail = new TrailText('a').gets(3).mark('checkpoint');
  const head = trail.lines.at(-1) as string;
  const cut = trail.lines.slice(0, 3).join('');
  t.same(kinds(await verify({ a: cut })), [], 'without it nobody can know');
  t.same(kinds(await verify({ a: cut, 'a.head': head })), ['- truncated']);
  t.same(kinds(await verify({ a: '', 'a.head': head })), ['- truncated']);
});

t.test('a head of a chain that was put away is no problem beside the newest one', async (t) => {
  const old = new TrailText('a').mark('close');
  const trail = new TrailText('b').mark('close');
  const heads = `${old.lines.at(-1)}${trail.lines.at(-1)}`;
  t.same((await verify({ a: trail.toString(), 'a.head': heads })).problems, []);
});

t.test('chains of several processes share a file', async (t) => {
  const [a, b] = [new TrailText('a').gets(4).mark('close'), new TrailText('b').gets(4).mark('close')];
  const mixed = a.lines.flatMap((line, at) => [b.lines[at] as string, line]);
  const report = await verify({ a: mixed.join('') });
  t.same(report.problems, []);
  t.match(report.chains, [{ lines: 6 }, { lines: 6 }]);
});

t.test('with a public key every checkpoint must be signed by it', async (t) => {
  const unsigned = new TrailText('a', { signed: false }).gets(2).mark('checkpoint').gets(1).mark('close');
  t.same(kinds(await verify({ a: unsigned.toString() })), ['4 not-signed', '6 not-signed']);
  t.same(kinds(await verify({ a: unsigned.toString() }, { publicKeys: undefined })), []);
  const forged = whole().lines.map((line) => line.replace(/"key":"\w+"/, `"key":"${'0'.repeat(16)}"`));
  t.match((await verify({ a: forged.join('') })).problems, [
    {},
    { kind: 'not-signed', message: 'not among those given' },
  ]);
});

t.test('a signature of another place in the chain is not valid', async (t) => {
  const trail = new TrailText('a').gets(1).mark('checkpoint').gets(1);
  const [, signature] = /"signature":"([^"]+)"/.exec(trail.lines[2] as string) ?? [];
  const moved = new TrailText('a').gets(1).mark('checkpoint').gets(1).mark('checkpoint');
  const text = moved.toString().replace(/"signature":"[^"]+"(?=[^\n]*"seq":5)/, `"signature":"${signature}"`);
  t.match((await verify({ a: text })).problems, [
    { kind: 'changed', line: 5 },
    { kind: 'not-signed', line: 5 },
  ]);
});

t.test('lines that go on too long without a checkpoint are a problem where signatures count', async (t) => {
  const trail = new TrailText('a').gets(2).mark('checkpoint').wait(100).gets(2);
  t.match((await verify({ a: trail.toString() })).problems, [{ kind: 'not-vouched', message: 'the last 2 lines' }]);
  t.same((await verify({ a: trail.toString() }, { checkpoint: 60_000 })).problems, []);
  t.same((await verify({ a: trail.toString() }, { publicKeys: undefined })).problems, []);
  t.same((await verify({ a: trail.mark('checkpoint').toString() })).problems, [], 'a later one vouches for them');
});

t.test('a clock that was put back is told and is no problem', async (t) => {
  const report = await verify({ a: new TrailText('a').gets(2).wait(-100).gets(2).mark('close').toString() });
  t.same(report.problems, []);
  t.match(report.chains, [{ clockBack: 1 }]);
});

t.test('lines of version 1 are counted, and only before the first chain', async (t) => {
  const old = '{"audit":1,"time":"2029-01-01T00:00:00.000Z","action":"data-key.get"}\n';
  const report = await verify({ a: `${old}${old}${whole()}` });
  t.same(report.problems, []);
  t.equal(report.unchained, 2);
  t.same(kinds(await verify({ a: `${whole()}${old}` })), ['9 unreadable']);
});

t.test('a file that is no trail is a list of problems with an end', async (t) => {
  const report = await verify({ a: Buffer.alloc(300_000, 'x\n') });
  t.equal(report.problems.length, 1000);
  t.equal(report.problemCount, 150_000);
  t.match(await verify({ a: Buffer.alloc(3_000_000, 'x') }), { problems: [{ kind: 'cut' }] });
});

t.test('public keys that are none are refused', async (t) => {
  await t.rejects(verify({ a: '' }, { publicKeys: 'what' }), { name: 'KeysteadError', reason: 'bad-usage' });
});

t.test('what can be read only once is refused, not called intact', async (t) => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await t.rejects(verify({}, { files: [pipe] }), { name: 'KeysteadError', reason: 'bad-usage' });
});
