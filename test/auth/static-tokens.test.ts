import { hash } from 'node:crypto';
import t from 'tap';
import { tokenMark } from '../../src/auth/bearer.ts';
import { type StaticToken, StaticTokens } from '../../src/auth/static-tokens.ts';
import { FakeClock } from '../support/fake-clock.ts';

const token = (name: string, secret: string, notAfter?: Date): StaticToken => ({
  sha256: hash('sha256', secret, 'buffer'),
  principal: { kind: 'token', name, groups: [] },
  ...(notAfter === undefined ? {} : { notAfter }),
});

t.test('a token is found by its hash, and no other one is', async (t) => {
  const tokens = new StaticTokens([token('a', 'secret a'), token('b', 'secret b')], new FakeClock());
  t.match(tokens.find(tokenMark('secret b')), { principal: { name: 'b' }, freshUntil: Number.POSITIVE_INFINITY });
  t.equal(tokens.find(tokenMark('secret c')), undefined);
  t.equal(tokens.find(''), undefined);
});

t.test('tokens whose hashes begin alike are told from each other', async (t) => {
  const one = token('one', 'secret');
  const twin = { ...token('twin', 'x'), sha256: Buffer.from(one.sha256) };
  twin.sha256[31] = (twin.sha256[31] ?? 0) ^ 1;
  const tokens = new StaticTokens([twin, one], new FakeClock());
  t.match(tokens.find(tokenMark('secret')), { principal: { name: 'one' } });
  t.match(tokens.find(twin.sha256.toString('latin1')), { principal: { name: 'twin' } });
  const alone = new StaticTokens([twin], new FakeClock());
  t.equal(alone.find(tokenMark('secret')), undefined);
});

t.test('a token ends when it says', async (t) => {
  const clock = new FakeClock();
  const end = new Date(clock.now().getTime() + 1000);
  const tokens = new StaticTokens([token('a', 'secret', end)], clock);
  await clock.advance(999);
  t.match(tokens.find(tokenMark('secret')), { freshUntil: end.getTime() });
  await clock.advance(1);
  t.throws(() => tokens.find(tokenMark('secret')), { reason: 'bad-credentials', message: /has expired/ });
});
