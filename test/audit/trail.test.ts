import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { checkpointSigner, isSignedBy } from '../../src/audit/checkpoint.ts';
import { lineHash, NO_LINE } from '../../src/audit/hash-chain.ts';
import type { LinePlace } from '../../src/audit/place.ts';
import { openTrail } from '../../src/audit/trail.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CHAIN = 'c'.repeat(32);
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PEM = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));

function event(resource: string): AuditEvent {
  return {
    time: new Date(0),
    auditId: '1'.repeat(32),
    principal: { kind: 'token', name: 'ci', groups: [] },
    listener: 'http',
    source: '10.0.0.7',
    action: 'data-key.get',
    resource,
    outcome: 'ok',
  };
}

/** Keeps lines, and fails when it is told to. */
function memoryPlace() {
  const state = { lines: [] as string[], heads: [] as string[], failure: undefined as Error | undefined };
  const place: LinePlace = {
    name: 'memory',
    maxBatch: 4096,
    recovers: true,
    async append(lines) {
      if (state.failure !== undefined) throw state.failure;
      state.lines.push(...lines.split('\n').slice(0, -1));
    },
    keepHead: async (line) => void state.heads.push(line),
    close: async () => {},
  };
  return { state, place };
}

async function open(
  over: { spool?: number; hideId?: (id: string) => string; sign?: boolean; recovers?: boolean } = {},
) {
  const { state, place } = memoryPlace();
  const clock = new FakeClock();
  const signer = over.sign === false ? undefined : checkpointSigner(PEM, 'the key');
  const recovers = over.recovers ?? true;
  const base = {
    place: { ...place, recovers },
    clock,
    chain: CHAIN,
    version: '1',
    deadline: 1000,
    spool: 100_000,
    checkpoint: 10_000,
    signer,
  };
  return { state, clock, trail: await openTrail({ ...base, ...over }) };
}

t.test('lines are a chain: each tells the hash of the one before, and its own', async (t) => {
  const { state, trail } = await open();
  await Promise.all(['a', 'b', 'c'].map((id) => trail.write(event(id))));
  await trail.close();
  let prev = NO_LINE;
  for (const [at, line] of state.lines.entries()) {
    const { chain, seq, prev: told, hash } = JSON.parse(line);
    t.same([chain, seq, told], [CHAIN, at + 1, prev]);
    t.equal(hash, lineHash(line.slice(0, line.lastIndexOf(',"hash"'))));
    prev = hash;
  }
  const kinds = state.lines.map((line) => JSON.parse(line)).map(({ type, resource }) => type ?? resource);
  t.same(kinds, ['open', 'a', 'b', 'c', 'close']);
  t.equal(JSON.parse(state.lines[1] as string).source, '10.0.0.7');
});

t.test('a chain that its first line opens begins no later than that line: no clock was put back', async (t) => {
  const { state, clock, trail } = await open({ recovers: false });
  const time = clock.now();
  await clock.advance(1);
  await trail.write({ ...event('a'), time });
  await trail.close();
  const times = state.lines.map((line) => JSON.parse(line).time);
  t.same(
    times,
    [time, time, clock.now()].map((one) => one.toISOString()),
  );
});

t.test('a checkpoint vouches for what was written since the last, signed, and is kept apart', async (t) => {
  const { state, clock, trail } = await open();
  await trail.write(event('a'));
  await clock.advance(10_000);
  await clock.advance(10_000);
  await clock.advance(10_000);
  const lines = state.lines.map((line) => JSON.parse(line));
  t.same(
    lines.map(({ type }) => type),
    ['open', undefined, 'checkpoint'],
    'one: nothing was written after it',
  );
  const before = { chain: CHAIN, seq: 2, hash: lines[1].hash };
  t.ok(isSignedBy(publicKey, before, lines[2].signature));
  t.notOk(isSignedBy(publicKey, { ...before, seq: 1 }, lines[2].signature));
  t.same(
    state.heads.map((line) => JSON.parse(line).seq),
    [3],
  );
  await trail.close();
});

t.test('without a key checkpoints are not signed', async (t) => {
  const { state, trail } = await open({ sign: false });
  await trail.close();
  t.match(JSON.parse(state.lines.at(-1) as string), { type: 'close', signature: undefined });
});

t.test('a line that was refused is in no chain, so the chain has no gap', async (t) => {
  const { state, clock, trail } = await open();
  state.failure = Object.assign(new Error('full'), { code: 'ENOSPC' });
  await t.rejects(trail.write(event('tried')), { message: /memory takes no line \(ENOSPC\)/ });
  await t.rejects(trail.write(event('refused')), { message: /memory/ });
  t.match(trail.failure?.(), { reason: 'audit-unavailable' });
  state.failure = undefined;
  await clock.advance(250);
  await new Promise((resolve) => setImmediate(resolve));
  await trail.write(event('later'));
  await trail.close();
  const lines = state.lines.map((line) => JSON.parse(line));
  t.same(
    lines.map(({ type, resource }) => type ?? resource),
    ['open', 'tried', 'later', 'close'],
  );
  t.same(
    lines.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
});

t.test('ids can be hidden: the same one has the same name, and other resources stay', async (t) => {
  const { state, trail } = await open({ hideId: (id) => `hmac:${id.length}` });
  await trail.write(event('secret-id'));
  await trail.write({ ...event('kms://cluster-kms'), action: 'system.bootstrap' });
  await trail.close();
  t.notMatch(state.lines.join(), 'secret-id');
  t.match(state.lines.join(), '"resource":"hmac:9"');
  t.match(state.lines.join(), '"resource":"kms://cluster-kms"');
});

t.test('no key but an Ed25519 one signs', async (t) => {
  const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = Buffer.from(other.export({ type: 'pkcs8', format: 'pem' }));
  t.throws(() => checkpointSigner(pem, '/k.pem'), { message: /\/k.pem must hold an Ed25519 key/ });
  t.throws(() => checkpointSigner(Buffer.from('secret'), '/k.pem'), { message: /\/k.pem holds no PEM/ });
});
