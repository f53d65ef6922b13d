import { DeleteParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import t, { type Test } from 'tap';
import { REGION, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { keystead } from './terminal.ts';

t.setTimeout(400_000);

const fileOf = (path: string, values: Readonly<Record<string, string>>, tag = 'web') =>
  `path: ${path}\nregion: ${REGION}\nkmskey: k\ntags: {team: ${tag}}\nparameters:\n${Object.entries(values)
    .map(([name, value]) => `  - {name: ${name}, description: d, type: String, value: ${value}}\n`)
    .join('')}`;
const VALUES = { a: 'one', b: 'two', c: 'three' };

/** A file, its store, and somebody else who changes that. */
async function shop(t: Test) {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return undefined;
  const endpoint = env['AWS_ENDPOINT_URL'] as string;
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
  const ssm = new SSMClient({
    region: REGION,
    endpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  t.teardown(() => ssm.destroy());
  const run = (text: string, ...argv: string[]) => {
    process.env['AWS_ENDPOINT_URL'] = endpoint;
    return keystead(['secrets', ...argv, '-'], { stdin: text });
  };
  /** One run; when it first makes that call, `change` is done before the call arrives. */
  const overtaken = async (text: string, action: string, change: () => Promise<unknown>, ...argv: string[]) => {
    let happened = false;
    const plan = async (_n: number, _method: string, _url: string, headers: Record<string, unknown>) => {
      if (happened || !String(headers['x-amz-target']).endsWith(`.${action}`)) return undefined;
      happened = true;
      await change();
      return undefined;
    };
    process.env['AWS_ENDPOINT_URL'] = (await faultProxy(t, endpoint, plan, env)).url;
    const answer = await keystead(['secrets', ...argv, '-'], { stdin: text });
    t.ok(happened, `${action} was overtaken`);
    return answer;
  };
  const put = (Name: string, Value: string) => () =>
    ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', Overwrite: true }));
  const remove = (Name: string) => () => ssm.send(new DeleteParameterCommand({ Name }));
  return { run, overtaken, put, remove };
}

t.test('two at once do the same work, and a third one has nothing to do', { timeout: 390_000 }, async (t) => {
  const at = await shop(t);
  if (at === undefined) return;
  const path = `/${unique('race')}`;
  const twice = (text: string, ...argv: string[]) => Promise.all([at.run(text, ...argv), at.run(text, ...argv)]);
  const settled = { status: 0, stdout: '', stderr: /nothing to do/ };
  t.match(await twice(fileOf(path, VALUES), 'sync'), [{ status: 0 }, { status: 0 }]);
  t.match(await at.run(fileOf(path, VALUES), 'sync'), settled);
  const less = fileOf(path, { a: 'one', b: 'other' }, 'shop');
  t.match(await twice(less, 'sync', '--prune', '--yes'), [{ status: 0 }, { status: 0 }]);
  t.match(await at.run(less, 'sync', '--prune', '--yes'), settled);
  t.match(await at.run(less, 'diff'), { status: 0, stdout: '' });

  const [one, other] = [fileOf(path, { a: '1', b: '1' }), fileOf(path, { a: '2', b: '2' })];
  t.match(await Promise.all([at.run(one, 'sync'), at.run(other, 'sync')]), [{ status: 0 }, { status: 0 }]);
  t.match(await at.run(one, 'sync'), { status: 0 });
  t.match(await at.run(one, 'diff'), { status: 0, stdout: '' }, 'of two files the one that comes last');
});

t.test(
  'a change between two calls of a sync: the file wins, or it is said, and the next run is right',
  {
    timeout: 390_000,
  },
  async (t) => {
    const at = await shop(t);
    if (at === undefined) return;
    const fine = { status: 0 };
    const gone = {
      status: 1,
      stdout: '',
      stderr: /\/a: somebody else has deleted it meanwhile.*\(concurrent-write\)\n$/,
    };
    const [{ a: _a, ...fewer }, newer] = [VALUES, { ...VALUES, a: 'new', b: 'new' }];
    for (const [what, action, change, file, expected] of [
      ['changed before its update', 'PutParameter', (a: string) => at.put(a, 'theirs'), { values: newer }, fine],
      ['deleted before its update', 'PutParameter', at.remove, { values: newer }, fine],
      ['deleted before its tags', 'AddTagsToResource', at.remove, { values: VALUES, tag: 'shop' }, gone],
      ['deleted before its deletion', 'DeleteParameter', at.remove, { values: fewer }, fine],
      ['deleted before it is read', 'GetParameters', at.remove, { values: VALUES }, fine],
      ['deleted while it is read', 'DescribeParameters', at.remove, { values: VALUES }, gone],
      [
        'made before a deletion',
        'DeleteParameter',
        (a: string) => at.put(`${a}-new`, 'theirs'),
        { values: fewer },
        fine,
      ],
    ] as const) {
      const path = `/${unique('race')}`;
      const text = fileOf(path, file.values, 'tag' in file ? file.tag : 'web');
      t.match(await at.run(fileOf(path, VALUES), 'sync'), fine);
      const sync = ['sync', '--prune', '--yes'];
      t.match(await at.overtaken(text, action, change(`${path}/a`), ...sync), expected, what);
      t.match(await at.run(text, ...sync), fine);
      t.match(await at.run(text, 'diff'), { status: 0, stdout: '' }, 'the next run makes it right');
    }
  },
);
