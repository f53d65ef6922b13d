import fc from 'fast-check';
import t from 'tap';
import { accessorText } from '../../src/access/accessor.ts';
import { readAccessor } from '../../src/access/read-accessor.ts';

const step = (more: object = {}) => ({ role_name: 'Audit', ...more });
const hub = (more: object = {}) => ({ role_name: 'Hub', account_id: '111111111111', ...more });
const file = (access_steps: unknown, more: object = {}) => ({
  multi_hop_accessors: [{ role_session_name: 'scan', access_steps, ...more }],
});
const read = (document: unknown, env = {}, cacheCreds?: boolean) => {
  const result = readAccessor(document, { env, cacheCreds });
  if ('problems' in result) throw new Error(result.problems.map(({ path, text }) => `${path} ${text}`).join('\n'));
  return result.accessor;
};
const problems = (document: unknown) => {
  const result = readAccessor(document, { env: {} });
  return 'problems' in result ? result.problems.map(({ path, text }) => `${path} ${text}`) : [];
};

t.test('an empty file is an accessor without chains', async (t) => {
  t.same(read({}), { chains: [], cacheCreds: true, accounts: [] });
  t.same(read({ multi_hop_accessors: [], cache_creds: false }).cacheCreds, false);
  t.same(read({ cache_creds: false }, {}, true).cacheCreds, true, 'an argument wins');
});

t.test('a chain is read with everything that a step may say', async (t) => {
  const tags = { session_tags: { team: 'keys' }, transitive_tag_keys: ['team'], source_identity: 'alice' };
  const first = hub({ external_id: '{{ env.X }}', mfa_serial: 'arn:aws:iam::111111111111:mfa/me', ...tags });
  const last = step({ policy: { Version: '2012-10-17' }, policy_arns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] });
  const accessor = read(
    {
      ...file([first, last], { duration_seconds: 1800 }),
      partition: 'aws-cn',
      sts_region: 'cn-north-1',
      accounts: ['222222222222'],
    },
    { X: 'ab' },
  );
  t.match(accessor, { partition: 'aws-cn', stsRegion: 'cn-north-1', accounts: ['222222222222'] });
  t.same(accessor.chains[0]?.steps, [
    {
      roleName: 'Hub',
      accountId: '111111111111',
      externalId: 'ab',
      sessionTags: { team: 'keys' },
      transitiveTagKeys: ['team'],
      sourceIdentity: 'alice',
      mfaSerial: 'arn:aws:iam::111111111111:mfa/me',
    },
    {
      roleName: 'Audit',
      policy: '{"Version":"2012-10-17"}',
      policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
    },
  ]);
  t.equal(accessor.chains[0]?.durationSeconds, 1800);
});

t.test('null is as good as absent in a step, and a whole number is text', async (t) => {
  const accessor = read(file([hub({ account_id: 111111111111, external_id: null }), step({ account_id: null })]));
  t.equal(accessorText(accessor), 'accessor:scan:Hub@111111111111,Audit@target');
  t.equal(read(file([step({ external_id: 12_345 })])).chains[0]?.steps[0]?.externalId, '12345');
});

t.test('chains as text are joined', async (t) => {
  const [chain] = file([step()]).multi_hop_accessors;
  const accessor = read({ multi_hop_accessors: [chain, { ...chain, role_session_name: 'two' }] });
  t.equal(accessorText(accessor), 'accessor:scan:Audit@target,accessor:two:Audit@target');
});

t.test('each fault is told with its place', async (t) => {
  const rows: readonly (readonly [unknown, RegExp])[] = [
    [[], /^ must hold an object/],
    [{ multi_hop_accessors: {} }, /^multi_hop_accessors must be a list/],
    [{ credentials_cache: {} }, /^credentials_cache must not stand in the file/],
    [{ cache_cred: true }, /^cache_cred is not a known field; did you mean cache_creds\?/],
    [{ cache_creds: 'yes' }, /^cache_creds must be true or false/],
    [{ partition: 'azure' }, /^partition must be a partition/],
    [{ accounts: ['1'] }, /^accounts\[0\] must be an account id of 12 digits/],
    [{ multi_hop_accessors: [7] }, /^multi_hop_accessors\[0\] must be an object/],
    [{ multi_hop_accessors: [{ access_steps: [step()] }] }, /^multi_hop_accessors\[0\].role_session_name is missing/],
    [file(undefined), /access_steps is missing/],
    [file([]), /access_steps must hold at least one step/],
    [file([step()], { role_session_name: 'a b' }), /role_session_name must be 2 to 64 characters/],
    [file([step()], { role_session_name: 'a' }), /role_session_name must be 2 to 64 characters/],
    [file([step(), step()]), /access_steps\[0\].account_id is missing: every step but the last/],
    [file([hub()]), /access_steps\[0\].account_id must not stand in the last step/],
    [file([hub({ account_id: '11111111111' }), step()]), /account_id must be an account id of 12 digits/],
    [file([{}]), /role_name is missing/],
    [file([step({ role_name: 'arn:aws:iam::111111111111:role/A' })]), /role_name must be the name of a role/],
    [file([step({ role_name: '/a/Role' })]), /role_name must be the name of a role/],
    [file([step({ external_id: 'a' })]), /external_id must be 2 to 1224 characters/],
    [file([step({ external_id: 'a b' })]), /external_id must be 2 to 1224 characters/],
    [file([step({ external_id: 4.2 })]), /external_id must be text, in quotes/],
    [file([step({ external_id: 2 ** 53 })]), /external_id must be text, in quotes/],
    [{ multi_hop_accessors: null }, /^multi_hop_accessors must not be null/],
    [{ cache_creds: null }, /^cache_creds must not be null/],
    [file([step({ external_id: '{{ env.NONE }}' })]), /external_id wants the environment variable NONE/],
    [file([step({ extrnal_id: 'ab' })]), /extrnal_id is not a known field; did you mean external_id\?/],
    [file([step({ duration_seconds: 899 })]), /duration_seconds must be a whole number from 900 to 43200/],
    [file([hub(), step({ duration_seconds: 3601 })]), /access_steps\[1\].duration_seconds must be at most 3600/],
    [file([hub(), step()], { duration_seconds: 7200 }), /duration_seconds must be at most 3600/],
    [file([step({ session_tags: { 'aws:a': 'b' } })]), /session_tags has a tag/],
    [file([step({ session_tags: { a: 1 } })]), /session_tags.a must be a text/],
    [file([step({ policy: '[' })]), /policy must be an IAM policy/],
    [file([step({ policy: { a: 'x'.repeat(2048) } })]), /policy must be at most 2048/],
    [file([step({ policy_arns: ['x'] })]), /policy_arns\[0\] must be the ARN/],
    [file([hub(), step({ mfa_serial: 'arn:aws:iam::1:mfa/me' })]), /mfa_serial is for the first step only/],
    [file([step({ web_identity_token_file: '/t', external_id: 'ab' })]), /external_id does not go with/],
    [file([hub(), hub(), step()]), /access_steps\[1\] leads in a circle: Hub@111111111111 is already step 0/],
    [file([...Array.from({ length: 16 }, (_, n) => hub({ role_name: `H${n}` })), step()]), /at most 16 steps/],
  ];
  for (const [document, said] of rows) t.match(problems(document), [said], String(said));
});

t.test('all faults are told at once', async (t) => {
  t.same(
    problems(file([step({ role_name: '' }), hub({ account_id: '1', foo: 1 })], { role_session_name: '' })).length,
    4,
  );
});

t.test('a name as long as a token is not shown', async (t) => {
  const token = 'IQoJb3JpZ2luX2VjEJ'.repeat(4);
  t.notMatch(problems({ [token]: 1 }).join(), /IQoJ/);
});

t.test('a longer session is for the first step, and for a chain of one', async (t) => {
  t.ok(read(file([hub({ duration_seconds: 43_200 }), step()])));
  t.ok(read(file([step()], { duration_seconds: 43_200 })));
});

t.test('whatever a file holds, it is read or refused, and never thrown out', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (document) => {
      const result = readAccessor(document, { env: {} });
      t.ok('accessor' in result || result.problems.length > 0);
    }),
  );
});
