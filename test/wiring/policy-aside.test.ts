import t from 'tap';
import { parsePolicyAside } from '../../src/wiring/policy-aside.ts';
import { parsePolicy } from '../../src/wiring/policy-file.ts';
import { request, serviceAccount } from '../policy/support/documents.ts';

const rule = (n: number) =>
  `  - { name: rule-${n}, effect: ${n % 7 === 0 ? 'deny' : 'allow'}, subjects: [{ namespaces: [team-${n}] }], actions: [data-key.get], resources: ["team-${n}/**"] }\n`;
const document = (count: number, more = '') =>
  Buffer.from(
    `version: 1\ntenants: [{ name: a, namespaces: [team-a] }]\nrules:\n${Array.from({ length: count }, (_, n) => rule(n)).join('')}${more}`,
  );
const open = () => new AbortController().signal;

t.test('a large policy is the same policy, however it was read', async (t) => {
  const bytes = document(1000);
  const [aside, here] = [await parsePolicyAside(bytes, open()), parsePolicy(bytes)];
  if ('problems' in aside || 'problems' in here) return t.fail('problems');
  t.equal(aside.sha256, here.sha256);
  t.equal(aside.bytes, bytes);
  t.same(
    aside.policy.rules.map(({ name }) => name),
    here.policy.rules.map(({ name }) => name),
  );
  for (const n of [0, 1, 7, 500, 999, 1000]) {
    const asked = request({ principal: serviceAccount(`team-${n}`), resource: `team-${n}/x` });
    t.same(aside.policy.decide(asked), here.policy.decide(asked), `team-${n}`);
  }
});

t.test('its problems are the same, with their lines', async (t) => {
  for (const wrong of [
    rule(3),
    '  - { name: x }\n',
    '  - [\n',
    '  - { name: admins, effect: allow, subjects: [{ names: ["**"] }], actions: [data-key.get], resources: ["x"] }\n',
  ]) {
    const bytes = document(400, wrong);
    const [aside, here] = [await parsePolicyAside(bytes, open()), parsePolicy(bytes)];
    t.ok('problems' in here, wrong);
    t.same(aside, here, wrong);
  }
});

t.test('whoever waits for something else is served while a large policy is read', async (t) => {
  let others = 0;
  let reading = true;
  const serve = () => {
    others++;
    if (reading) setImmediate(serve);
  };
  setImmediate(serve);
  const read = await parsePolicyAside(document(2000), open());
  reading = false;
  t.notOk('problems' in read);
  // Each of its parts leaves room for others; read in one piece it would leave none.
  t.ok(others > 40, `${others} turns`);
});

t.test('an end does not wait for it', async (t) => {
  const closing = new AbortController();
  const reading = parsePolicyAside(document(2000), closing.signal);
  closing.abort();
  await t.rejects(reading, { reason: 'unexpected' } as never);
});

t.test('a small policy needs no thread', async (t) => {
  const read = await parsePolicyAside(Buffer.from('version: 1\n'), open());
  t.notOk('problems' in read);
});
