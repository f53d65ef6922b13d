import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { AccessPlayer, type AccessStep } from '../drivers/access-player.ts';
import { emulators } from '../support/emulators.ts';
import { hops, type StsBox, type StsCall, type StsRule, stsBox } from '../support/sts-box.ts';

t.setTimeout(400_000);

interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly file: object;
  readonly rules?: readonly (StsRule & { readonly service?: string })[];
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly AccessStep[];
  readonly expect: { readonly steps: readonly Expected[] };
}
interface Expected extends Readonly<Record<string, unknown>> {
  readonly calls?: readonly Readonly<Record<string, string>>[];
  readonly error?: string;
}
type Played = Readonly<Record<string, unknown>> & { readonly calls: readonly StsCall[] };

const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'vectors', 'access', 'scenarios.json'), 'utf8'),
) as { readonly scenarios: readonly Scenario[] };

/** Plays a scenario; every answer with the calls that it took and whose credentials came. */
async function play(t: Test, box: StsBox, scenario: Pick<Scenario, 'file' | 'rules' | 'env' | 'steps'>) {
  const path = join(t.testdir({}), 'accessor.json');
  writeFileSync(path, JSON.stringify(scenario.file));
  box.take();
  box.rules = (scenario.rules ?? []).map((rule) => ({ ...rule }));
  const player = new AccessPlayer({
    env: scenario.env ?? {},
    sts: { endpoint: box.url, region: 'us-east-1', credentials: { accessKeyId: 'base', secretAccessKey: 'base' } },
  });
  const answers: Played[] = [];
  for (const step of scenario.steps) {
    const { access_key_id: id, ...answer } = await player.play(step.op === 'load' ? { ...step, path } : step);
    const arn = typeof id === 'string' ? { arn: box.whoIs(id), account: box.whoIs(id).split(':')[4] } : {};
    answers.push({ ...answer, ...arn, calls: box.take() });
  }
  await player.close();
  return answers;
}

const chain = (name: string, ...steps: readonly (string | object)[]) => ({
  role_session_name: name,
  access_steps: steps.map((step) => {
    if (typeof step !== 'string') return step;
    const [role_name, account_id] = step.split('@');
    return account_id === undefined ? { role_name } : { role_name, account_id };
  }),
});
const [HUB, TARGET, OTHER] = ['111111111111', '222222222222', '333333333333'];
const hubAndAudit = { multi_hop_accessors: [chain('scan', `Hub@${HUB}`, 'Audit')] };
const load = { op: 'load' };
const session = (account = TARGET, region?: string) => ({
  op: 'session',
  account,
  ...(region === undefined ? {} : { region }),
});

t.test('on moto', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const box = await stsBox(t, env['AWS_ENDPOINT_URL'] ?? '');
  const steps = (file: object, steps: readonly AccessStep[], more: Pick<Scenario, 'rules' | 'env'> = {}) =>
    play(t, box, { file, steps: [load, ...steps], ...more }).then((answers) => answers.slice(1));
  const taken = (answer: Played | undefined) => hops(answer?.calls ?? []).length;

  for (const scenario of recorded.scenarios) {
    await t.test(`recorded: ${scenario.id}, ${scenario.title}`, async (t) => {
      const answers = await play(t, box, scenario);
      for (const [n, { calls, error, message: _, ...expected }] of scenario.expect.steps.entries()) {
        const answer = answers[n];
        t.match(answer, expected, `step ${n}`);
        if (error !== undefined) t.equal(answer?.['error'], error);
        if (calls === undefined) continue;
        const wanted = calls.map(({ action = '', by = '', error, ...params }) => ({
          action,
          by,
          params: params as Record<string, string>,
          ...(error === undefined ? {} : { error }),
        }));
        t.same(hops(answer?.calls ?? []), hops(wanted), `the roles of step ${n}`);
        t.ok((answer?.calls.length ?? 0) <= calls.length, `no more calls in step ${n} than were recorded`);
      }
    });
  }

  await t.test('without chains the base credentials are used, in their own account only', async (t) => {
    const [own, other] = await steps({}, [session('123456789012'), session()]);
    t.match(own, { ok: true, region: 'us-east-1' });
    t.match(other, { error: 'AccountAuthException', message: /of account 123456789012, not of 222222222222/ });
  });

  await t.test('credentials are used until a minute before their end', async (t) => {
    const answers = await steps(hubAndAudit, [
      session(),
      { op: 'later', seconds: 3500 },
      session(),
      { op: 'later', seconds: 60 },
      session(),
    ]);
    t.same(
      [0, 2, 4].map((n) => taken(answers[n])),
      [2, 0, 2],
    );
  });

  await t.test('the last hop in the cache is enough, also when the hub has expired', async (t) => {
    const rules = [{ action: 'AssumeRole', match: { RoleArn: 'role/Hub$' }, expires_in: 50 }];
    const answers = await steps(hubAndAudit, [session(), session(), session(OTHER)], { rules });
    t.same(answers.map(taken), [2, 0, 2]);
  });

  await t.test('sessions that are shorter than a minute are handed out, once', async (t) => {
    const rules = [{ action: 'AssumeRole', expires_in: 50 }];
    const answers = await steps({ multi_hop_accessors: [chain('scan', 'Audit')] }, [session(), session()], { rules });
    t.same(answers.map(taken), [1, 1]);
  });

  await t.test('with the cache off nothing is remembered, and an argument wins over the file', async (t) => {
    const file = { ...hubAndAudit, cache_creds: false };
    const off = await play(t, box, { file, steps: [load, session(), session(), { op: 'cache_keys' }] });
    t.same(off.slice(1, 3).map(taken), [2, 2]);
    t.same(off[3]?.['keys'], []);
    const on = await play(t, box, { file, steps: [{ ...load, cache: 'on' }, session(), session()] });
    t.same(on.slice(1).map(taken), [2, 0]);
  });

  await t.test('calls at the same time for the same hop are one', async (t) => {
    const many = { op: 'parallel', accounts: Array.from({ length: 20 }, () => TARGET) };
    const spread = { op: 'parallel', accounts: [OTHER, '444444444444', OTHER] };
    const [same, different] = await steps(hubAndAudit, [many, spread]);
    t.match(same, { ok: true, sessions: 20, distinct_credentials: 1 });
    t.same(hops(same?.calls ?? []).length, 2);
    t.match(different, { ok: true, sessions: 3, distinct_credentials: 2 });
    t.same(hops(different?.calls ?? []).length, 2, 'the hub is warm');
  });

  await t.test('two chains share an entry only where all before it is the same', async (t) => {
    const first = { role_name: 'Audit', external_id: 'one' };
    const rules = [{ action: 'AssumeRole', match: { RoleArn: 'role/A$' }, error: true }] as const;
    const file = { multi_hop_accessors: [chain('scan', `Hub@${HUB}`, 'A'), chain('scan', `Hub@${HUB}`, first)] };
    const [shared] = await steps(file, [session()], { rules: [...rules] });
    t.equal(taken(shared), 3, 'the hub of the first chain serves the second');
    const ids = [
      chain('scan', { role_name: 'Hub', account_id: HUB, external_id: 'one' }, 'A'),
      chain('scan', { role_name: 'Hub', account_id: HUB, external_id: 'two' }, 'B'),
    ];
    const [apart] = await steps({ multi_hop_accessors: ids }, [session()], { rules: [...rules] });
    t.equal(taken(apart), 4, 'another external id is another hub');
  });

  await t.test('a chain through the very role that it is to end in ends there', async (t) => {
    const file = { multi_hop_accessors: [chain('scan', `Hub@${HUB}`, 'Hub')] };
    const [answer] = await steps(file, [session(HUB)]);
    t.equal(answer?.['arn'], `arn:aws:sts::${HUB}:assumed-role/Hub/scan`);
    t.equal(taken(answer), 1);
  });

  await t.test('throttling is tried again within the hop', async (t) => {
    const error = { code: 'Throttling', message: 'Rate exceeded' };
    const rules = [{ action: 'AssumeRole', match: { RoleArn: 'role/A$' }, times: 2, error }];
    const file = { multi_hop_accessors: [chain('chain-a', 'A'), chain('chain-b', 'B')] };
    const [answer] = await steps(file, [session()], { rules });
    t.equal(answer?.['arn'], `arn:aws:sts::${TARGET}:assumed-role/A/chain-a`);
  });

  await t.test('credentials of another account are no session, whoever says so', async (t) => {
    const file = { multi_hop_accessors: [chain('chain-a', 'A'), chain('chain-b', 'B')] };
    for (const action of ['AssumeRole', 'GetCallerIdentity']) {
      const lie = { action, caller: 'base$|/A/', times: 1, account: '999999999999' };
      const [answer] = await steps(file, [session()], { rules: [lie] });
      t.equal(answer?.['arn'], `arn:aws:sts::${TARGET}:assumed-role/B/chain-b`, action);
    }
    const hub = { multi_hop_accessors: [chain('chain-a', `Hub@${HUB}`, 'A'), chain('chain-b', 'B')] };
    const lie = { action: 'GetCallerIdentity', caller: '/Hub/', account: '999999999999' };
    const [answer] = await steps(hub, [session()], { rules: [lie] });
    t.equal(answer?.['arn'], `arn:aws:sts::${TARGET}:assumed-role/B/chain-b`, 'of a hub');
    t.equal(taken(answer), 2, 'nothing is done with the credentials of a wrong hub');
  });

  await t.test('all failed: the account, each chain, each hop, what was said and what to do', async (t) => {
    const rules: StsRule[] = [
      { action: 'AssumeRole', match: { RoleArn: 'role/[AB]$' }, error: true },
      {
        action: 'AssumeRole',
        match: { RoleArn: 'role/C$' },
        error: { code: 'SignatureDoesNotMatch', message: 'The Canonical String was POST x-amz-security-token:hush' },
      },
    ];
    const file = {
      multi_hop_accessors: [chain('chain-a', `Hub@${HUB}`, 'A'), chain('chain-b', 'B'), chain('chain-c', 'C')],
    };
    const [answer] = await steps(file, [session()], { rules });
    const message = String(answer?.['message']);
    for (const part of [
      'no session in account 222222222222: all 3 chains',
      'accessor:chain-a:Hub@111111111111,A@target: Hub@111111111111 reached, then A@222222222222 denied',
      'AccessDenied: User: arn:aws:sts::111111111111:assumed-role/Hub/chain-a is not authorized',
      'accessor:chain-b:B@target',
      'SignatureDoesNotMatch',
      'What to do',
    ]) {
      t.ok(message.includes(part), part, { message });
    }
    t.notMatch(message, /hush|SecretAccessKey|session_token/);
  });

  await t.test('a step sends all that it says, and nothing else', async (t) => {
    const full = {
      role_name: 'Hub',
      account_id: HUB,
      duration_seconds: 7200,
      session_tags: { team: 'keys', env: 'prod' },
      transitive_tag_keys: ['team'],
      source_identity: 'alice',
      policy: { Version: '2012-10-17', Statement: [] },
      policy_arns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
    };
    const [answer] = await steps({ multi_hop_accessors: [chain('scan', full, 'Audit')], partition: 'aws' }, [
      session(),
    ]);
    t.same(answer?.calls[0]?.params, {
      RoleArn: `arn:aws:iam::${HUB}:role/Hub`,
      RoleSessionName: 'scan',
      DurationSeconds: '7200',
      'Tags.member.1.Key': 'team',
      'Tags.member.1.Value': 'keys',
      'Tags.member.2.Key': 'env',
      'Tags.member.2.Value': 'prod',
      'TransitiveTagKeys.member.1': 'team',
      SourceIdentity: 'alice',
      Policy: '{"Version":"2012-10-17","Statement":[]}',
      'PolicyArns.member.1.arn': 'arn:aws:iam::aws:policy/ReadOnlyAccess',
    });
    t.same(answer?.calls[2]?.params, { RoleArn: `arn:aws:iam::${TARGET}:role/Audit`, RoleSessionName: 'scan' });
  });

  await t.test('a web identity is who asks for the first role, without base credentials', async (t) => {
    const first = { role_name: 'Pod', account_id: HUB, web_identity_token_file: 'token' };
    const file = { multi_hop_accessors: [chain('scan', first, 'Audit')] };
    const folder = t.testdir({ 'accessor.json': JSON.stringify(file) });
    const path = join(folder, 'accessor.json');
    box.take();
    box.rules = [];
    const player = new AccessPlayer({ env: {}, sts: { endpoint: box.url, region: 'us-east-1' } });
    await player.play({ op: 'load', path });
    t.match(await player.play(session()), {
      error: 'AccountAuthException',
      message: /web identity token .*token is not there/,
    });
    writeFileSync(join(folder, 'token'), 'a-token-of-the-cluster\n');
    t.match(await player.play(session()), { ok: true });
    await player.close();
    const [taken, , second] = box.take();
    t.match(taken, {
      action: 'AssumeRoleWithWebIdentity',
      by: 'arn:aws:iam::123456789012:user/nobody',
      params: { RoleArn: `arn:aws:iam::${HUB}:role/Pod`, WebIdentityToken: 'a-token-of-the-cluster' },
    });
    t.equal(second?.by, `arn:aws:sts::${HUB}:assumed-role/Pod/scan`);
  });

  await t.test('an account that is none is refused before any call', async (t) => {
    const [answer] = await steps(hubAndAudit, [session('22222222222')]);
    t.match(answer, { error: 'AccountAuthException', message: /12 digits/ });
    t.same(answer?.calls, []);
  });

  await t.test('an external id is sent as it is, and an empty one not at all', async (t) => {
    const file = {
      multi_hop_accessors: [
        chain(
          'scan',
          { role_name: 'H', account_id: HUB, external_id: "{{ env.get('NONE', 'a/b') }}:{{env.ID}}" },
          { role_name: 'A', external_id: '{{ env["EMPTY"] }}' },
        ),
      ],
    };
    const answers = await play(t, box, { file, steps: [load, session()], env: { ID: 'x=y', EMPTY: '' } });
    t.same(answers[0]?.['external_ids'], [['a/b:x=y', '']]);
    t.same(
      answers[1]?.calls.map(({ params }) => params['ExternalId']),
      ['a/b:x=y', undefined, undefined, undefined],
    );
  });
});
