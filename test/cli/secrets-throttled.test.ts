import { join } from 'node:path';
import t, { type Test } from 'tap';
import { keyAdmin, REGION, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { keystead } from './terminal.ts';

const COUNT = 24;
/** As AWS says it. The SDK makes three tries of each call, and what is above the SDK the rest. */
const SLOW_DOWN = {
  status: 400,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: '{"__type":"ThrottlingException","message":"Rate exceeded"}',
};
const TIMES = 4;
t.setTimeout(400_000);

const fileOf = (path: string, kmskey: string) => `path: ${path}
region: ${REGION}
kmskey: ${kmskey}
tags: {team: web}
parameters:
${Array.from({ length: COUNT }, (_, n) => `  - {name: p${n}, description: '', type: ${n % 6 === 0 ? 'SecureString' : 'String'}, value: hunter${n}}\n`).join('')}`;

/** A way to AWS on which each kind of call, or one, is asked to slow down at first. */
async function slowWay(t: Test, env: Record<string, string>, only?: string) {
  const seen = new Map<string, number>();
  const plan = (_n: number, _method: string, _url: string, headers: Record<string, unknown>) => {
    const action = String(headers['x-amz-target']).split('.').at(-1) ?? '';
    const before = seen.get(action) ?? 0;
    seen.set(action, before + 1);
    return before < TIMES && (only ?? action) === action ? SLOW_DOWN : undefined;
  };
  const { url } = await faultProxy(t, env['AWS_ENDPOINT_URL'] as string, plan, env);
  return { url, seen };
}

t.test(
  'where AWS asks to slow down each command gets through, and a terminal sees how far it is',
  {
    timeout: 390_000,
  },
  async (t) => {
    const env = await emulators(t, ['moto']);
    if (env === undefined) return;
    const admin = keyAdmin(t, env);
    const alias = `alias/${unique('slow')}`;
    await admin.alias(alias, (await admin.create()).id);
    const dir = t.testdir({ 'f.yml': fileOf(`/${unique('slow')}`, alias) });
    const path = join(dir, 'f.yml');
    const run = async (...argv: string[]) => {
      const { url, seen } = await slowWay(t, env);
      Object.assign(process.env, { AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
      const place = { KEYSTEAD_SECRETS_KEY_ALIAS: alias, KEYSTEAD_SECRETS_KEY_REGION: REGION };
      const { status, stdout, stderr } = await keystead(['secrets', ...argv], { env: place, isTTY: true });
      const slowed = [...seen].filter(([, times]) => times > TIMES).map(([action]) => action);
      return { status, stdout, stderr, slowed };
    };

    t.match(await run('encrypt', '-i', path), { status: 0, stderr: '', slowed: ['DescribeKey', 'Encrypt'] });
    const sync = await run('sync', '--prune', path);
    t.match(sync, { status: 0, slowed: ['Decrypt', 'GetParametersByPath', 'PutParameter', 'AddTagsToResource'] });
    t.equal(sync.stdout.split('\n').length, COUNT + 1);
    const [opening = '', writing = ''] = sync.stderr.split('\r\x1b[K');
    for (const part of [opening, writing]) {
      const progress = [...part.matchAll(/\r(\d+) of 24/g)].map(([, done]) => Number(done));
      t.same(
        progress,
        Array.from({ length: COUNT - 1 }, (_, n) => n + 1),
        'each is counted once',
      );
    }
    const kek = `kms://aws?keyName=${alias}&region=${REGION}`;
    t.match(await run('rotate-kek', '-i', '--to', kek, path), { status: 0, slowed: ['Encrypt', 'Decrypt'] });
    t.match(await run('get', path, 'p6'), { status: 0, stdout: 'hunter6', slowed: ['Decrypt'] });
  },
);

t.test('a value that is written is not written again for tags that have to wait', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const { url, seen } = await slowWay(t, env, 'AddTagsToResource');
  Object.assign(process.env, { AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
  const parameter = "{name: a, description: '', type: String, value: b}";
  const stdin = `path: /${unique('once')}\nregion: ${REGION}\nkmskey: k\ntags: {team: web}\nparameters: [${parameter}]\n`;
  t.match(await keystead(['secrets', 'save', '-'], { stdin }), { status: 0, stdout: /^created/ });
  t.equal(seen.get('AddTagsToResource'), TIMES + 1);
  t.equal(seen.get('PutParameter'), 1);
});
