import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { openParameters } from '../../../src/providers/open.ts';
import { keystead } from '../../cli/terminal.ts';
import { parametersSuite } from '../../conformance/parameters.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import { secrets } from '../aws/aws.ts';

const call = testCall();

async function open(t: Test, before?: string) {
  const dir = t.testdir({});
  const file = join(dir, '.env');
  if (before !== undefined) writeFileSync(file, before, { mode: 0o640 });
  return { dir, file, store: await openParameters({ scheme: 'parameters', provider: 'dotenv', file }, { secrets }) };
}

parametersSuite(t, async (t) => ({ store: (await open(t)).store, path: '/a/' }));

t.test('other lines stay, and the file keeps its mode', async (t) => {
  const { dir, file, store } = await open(t, '# mine\nA="1"/$x # one\n\nB="x\ny"\nexport C=3\n');
  const put = (place: string, text: string) =>
    ({ kind: 'put', place, parameter: { value: SecretBytes.own(Buffer.from(text)) } }) as const;
  await store.apply([put('B', 'two words'), put('D', '4'), { kind: 'delete', place: 'C' }], call);
  t.equal(readFileSync(file, 'utf8'), '# mine\nA="1"/$x # one\n\nB=\'two words\'\nD=4\n');
  t.equal(statSync(file).mode & 0o777, 0o640);
  t.same(readdirSync(dir), ['.env']);
});

t.test('a file that is not UTF-8 is refused, and stays', async (t) => {
  const { file, store } = await open(t);
  const latin1 = Buffer.from('# caf\xe9\nA=1\n', 'latin1');
  writeFileSync(file, latin1);
  const parameter = { value: SecretBytes.own(Buffer.from('2')) };
  await t.rejects(store.apply([{ kind: 'put', place: 'B', parameter }], call), failure('bad-request', /not UTF-8/));
  t.same(readFileSync(file), latin1);
});

t.test('a secrets file goes into it, by the commands that a store takes', async (t) => {
  const { dir, file } = await open(t);
  const path = join(dir, 'f.yml');
  writeFileSync(
    path,
    'path: /a\nregion: r\nkmskey: k\nparameters:\n- {name: db/password, description: d, type: String, value: "a b"}\n',
  );
  const run = (verb: string, ...more: string[]) =>
    keystead(['secrets', verb, '--target', `parameters://dotenv?file=${encodeURIComponent(file)}`, ...more, path]);
  t.match(await run('diff'), { status: 1, stdout: 'missing  DB_PASSWORD\n' });
  t.match(await run('sync'), { status: 0, stdout: 'created  DB_PASSWORD\n' });
  t.equal(readFileSync(file, 'utf8'), "DB_PASSWORD='a b'\n");
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await run('diff'), { status: 0, stdout: '' });
  t.match(await run('nuke'), { status: 0, stdout: 'deleted  DB_PASSWORD\n' });
});
