import { hash } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { keystead, startService } from './terminal.ts';

const RULE = 'effect: allow, subjects: [{ kind: token, names: [ci] }], actions: [data-key.get], resources: ["ci/**"]';
const GOOD = `version: 1\nrules:\n  - { name: ci-reads, ${RULE} }\n`;
const TWICE = `${GOOD}  - { name: ci-again, ${RULE} }\n`;
const BAD =
  'version: 1\nrules:\n  - { name: x, efect: allow, subjects: [{ kind: oidc }], actions: [data-key.gett], resources: [a] }\n';

t.test('check says what a good policy has, and what is hardly meant, at its line', async (t) => {
  const dir = t.testdir({ good: GOOD, twice: TWICE });
  t.match(await keystead(['policy', 'check', join(dir, 'good')]), {
    status: 0,
    stdout: '1 rule, nothing to say\n',
    stderr: /^$/,
  });
  const twice = join(dir, 'twice');
  t.match(await keystead(['policy', 'check', twice]), {
    status: 0,
    stdout: `${twice}:4: ci-again: ci-reads allows all of it already (unreachable)\n2 rules, 1 to look at\n`,
  });
  const strict = await keystead(['policy', 'check', twice, '--strict', '--output', 'json']);
  t.equal(strict.status, 65);
  t.match(JSON.parse(strict.stdout), {
    file: twice,
    rules: 2,
    sha256: hash('sha256', TWICE),
    findings: [{ rule: 'ci-again', path: 'rules[1]', line: 4, kind: 'unreachable' }],
  });
});

t.test('check refuses what is no policy, with every problem, and what is not there', async (t) => {
  const dir = t.testdir({ bad: BAD });
  const { status, stderr } = await keystead(['policy', 'check', join(dir, 'bad')]);
  t.equal(status, 64);
  t.match(stderr, /3 problems: .*line 3: rules\[0\]\.efect is not a known name; did you mean effect\?/);
  t.match(stderr, /rules\[0\]\.actions\[0\] must be an action, .*did you mean data-key\.get\?/);
  t.match(stderr, /\(bad-policy\)\n$/);
  t.match(await keystead(['policy', 'check', join(dir, 'none')]), { status: 66, stderr: /\(no-file\)/ });
});

t.test('explain asks a policy file, without any service', async (t) => {
  const dir = t.testdir({ good: GOOD });
  const ask = (...words: string[]) => keystead(['policy', 'explain', '--policy', join(dir, 'good'), ...words]);
  const request = ['--principal', 'token:ci', '--action', 'data-key.get'];
  t.match(await ask(...request, '--resource', 'ci/1'), { status: 0, stdout: /decision +allowed by ci-reads/ });
  const refused = await ask(
    ...request,
    '--resource',
    'other/1',
    '--group',
    'a',
    '--group',
    'b',
    '--at',
    '2027-01-01T00:00Z',
  );
  t.equal(refused.status, 77);
  t.match(refused.stdout, /groups +a, b\n/);
  t.match(refused.stdout, /"other\/1" does not match "ci\/\*\*"/);
  t.match(refused.stdout, /\n- name: allow-this\n {2}effect: allow\n/);
  const admin = await ask(...request, '--resource', 'ci/1', '--listener', 'admin');
  t.match(admin, { status: 0, stdout: /by +admin\n/ }, 'on every listener that a rule may name');
  const json = await ask(...request, '--prefix', '', '--output', 'json');
  t.match(JSON.parse(json.stdout), { allowed: false, scope: 'prefix', resource: '', rule: 'default-deny' });
});

t.test('explain knows callers by their names, and says what it cannot tell', async (t) => {
  const dir = t.testdir({ good: 'version: 1\ntenants: [{ namespaces: [team-a] }]\n' });
  const ask = (principal: string) =>
    keystead([
      'policy',
      'explain',
      '--policy',
      join(dir, 'good'),
      '--principal',
      principal,
      '--action',
      'data-key.get',
      '--resource',
      'team-a/x',
    ]);
  t.match(await ask('system:serviceaccount:team-a:x'), { status: 0 });
  t.match(await ask('oidc:system:serviceaccount:team-a:x'), { status: 77, stdout: /who +oidc / });
  t.match(await ask('spiffe://a/b'), { status: 77, stdout: /who +certificate spiffe:/ });
  t.match(await ask('anonymous'), { status: 77, stdout: /who +anonymous anonymous/ });
  t.match(await ask('somebody'), { status: 64, stderr: /say of which kind/ });
  t.match(await ask('service-account:x'), { status: 64, stderr: /system:serviceaccount:NAMESPACE:NAME/ });
});

t.test('explain refuses a half of a question', async (t) => {
  const wrong: [string[], RegExp][] = [
    [[], /either an audit id or --policy/],
    [['a'.repeat(32), '--policy', 'x'], /either an audit id or --policy/],
    [['--policy', 'x', '--principal', 'token:ci'], /give --principal, --action/],
    [['--policy', 'x', '--action', 'data-key.gett'], /did you mean data-key.get/],
    [['--policy', 'x', '--listener', 'tcp'], /give one of http, grpc, admin/],
    [['--policy', 'x', '--at', 'tomorrow'], /a time in UTC/],
  ];
  for (const [words, stderr] of wrong)
    t.match(await keystead(['policy', 'explain', ...words]), { status: 64, stderr }, words.join(' '));
});

t.test('explain asks the service for the refusal of an audit id', async (t) => {
  const dir = t.testdir({ policy: GOOD, admin: 'a-token-that-is-long-enough', bob: `kst_${'b'.repeat(43)}` });
  const auth = {
    version: 1,
    authenticators: [
      { name: 'tokens', kind: 'token', tokens: [{ name: 'bob', sha256: hash('sha256', `kst_${'b'.repeat(43)}`) }] },
    ],
  };
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(dir, 'auth'), JSON.stringify(auth));
  const server = await startService(t, {
    dev: false,
    kms: `kms://cluster-kms?key=${'A'.repeat(43)}&salt=${'A'.repeat(43)}`,
    admin: { tokenFile: join(dir, 'admin') },
    auth: { file: join(dir, 'auth') },
    policy: { file: join(dir, 'policy') },
  });
  const as = (who: string) => ['--server', server, '--token-file', join(dir, who)];
  const { stderr } = await keystead(['data-key', 'get', 'ci/1', ...as('bob')]);
  const id = /audit id is ([0-9a-f]{32})/.exec(stderr)?.[1] as string;
  const told = await keystead(['policy', 'explain', id, ...as('admin')]);
  t.equal(told.status, 0);
  t.match(told.stdout, /who +token bob\n/);
  t.match(told.stdout, /the name "bob" does not match "ci"/);
  t.match(told.stdout, /\n- name: allow-/);
  const json = JSON.parse((await keystead(['policy', 'explain', id, ...as('admin'), '--output', 'json'])).stdout);
  t.match(json, { auditId: id, refusals: [{ principal: { name: 'bob' }, original: true }] });
  t.match(await keystead(['policy', 'explain', id, ...as('bob')]), { status: 77, stderr: /\(policy\)/ });
  t.match(await keystead(['policy', 'explain', '0'.repeat(32), ...as('admin')]), {
    status: 66,
    stderr: /\(no-refusal\)/,
  });
  t.match(await keystead(['status', '--server', server]), { stdout: /policy +1 rule, read / });
});
