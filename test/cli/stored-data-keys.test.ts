import t from 'tap';
import { json, problem, scriptedServer } from '../client/scripted-server.ts';
import { keystead, startService } from './terminal.ts';

const WRAP = { kms: 'kms://cluster-kms?mode=wrap' };

type Test = Parameters<typeof startService>[0];

/** A service that stores its data keys, and a way to call it. */
async function opened(t: Test, config = WRAP) {
  const env = { KEYSTEAD_SERVER: await startService(t, config) };
  const run = (...words: string[]) => keystead(words, { env });
  return { run, key: (...words: string[]) => run('data-key', ...words) };
}

t.test('rotate makes a version, and old ones still open', async (t) => {
  const { key } = await opened(t);
  const first = await key('get', 'disk');
  t.match(await key('rotate', 'disk'), { status: 0, stderr: /^$/, stdout: /^id +disk\nstate +active\nversion +2\n/ });
  const second = await key('get', 'disk');
  t.not(second.stdout, first.stdout);
  t.same(await key('get', 'disk', '--version', '1'), first);
  t.same(await key('get', 'disk', '--version', '2'), second);
  const { stdout } = await key('rotate', 'disk', '--output', 'json');
  t.same(JSON.parse(stdout), JSON.parse((await key('describe', 'disk', '--output', 'json')).stdout));
  t.match(JSON.parse(stdout), { dataKeyId: 'disk', version: 3 });
});

t.test('a data key is deleted and restored', async (t) => {
  const { key } = await opened(t);
  const first = await key('get', 'disk');
  const deleted = await key('delete', 'disk', '--output', 'json');
  t.match(deleted, { status: 0, stderr: /^$/ });
  t.match(JSON.parse(deleted.stdout), { dataKeyId: 'disk', state: 'pending-deletion', purgeAt: /Z$/, etag: /./ });
  t.match(await key('get', 'disk'), { status: 65, stdout: /^$/, stderr: /\(pending-deletion\)/ });
  t.match(await key('describe', 'disk'), { stdout: /^state +pending-deletion$(?:.|\n)*^purge at +\d.*Z$/m });
  t.match(await key('restore', 'disk'), { status: 0, stdout: /^id +disk\nstate +active\n/ });
  t.same(await key('get', 'disk'), first);
  t.match(await key('delete', 'disk'), { status: 0, stdout: /^id +disk\nstate +pending-deletion\npurge at +\d.*Z\n/ });
});

t.test('an id says nothing to a terminal in the JSON of any command, and reads back as it is', async (t) => {
  const { key } = await opened(t);
  const id = '\u009b31m\u202e\u2028a';
  const escaped = '"\\u009b31m\\u202e\\u2028a"';
  for (const [verb, ...ids] of [['get', id], ['list'], ['describe', id], ['rotate', id], ['delete', id]] as const) {
    const { stdout } = await key(verb, ...ids, '--output', 'json');
    t.ok(stdout.includes(escaped), verb);
    t.equal([JSON.parse(stdout)].flat()[0].dataKeyId, id, verb);
  }
  const { status, stderr } = await key('get', id, '--output', 'json');
  t.equal(status, 65);
  t.notMatch(stderr, /[^\n -~]/);
});

t.test('--etag deletes what was described and nothing newer', async (t) => {
  const { key } = await opened(t);
  await key('get', 'disk');
  const { etag } = JSON.parse((await key('describe', 'disk', '--output', 'json')).stdout);
  await key('rotate', 'disk');
  t.match(await key('delete', 'disk', '--etag', etag), { status: 75, stdout: /^$/, stderr: /\(stale-etag\)/ });
  t.match(await key('delete', 'disk', '--etag', 'a b'), { status: 64, stderr: /the etag is not one/ });
  t.match(await key('get', 'disk'), { status: 0 });
});

t.test('what is not stored cannot be changed', async (t) => {
  const { key } = await opened(t);
  for (const name of ['rotate', 'rewrap', 'delete', 'restore']) {
    t.match(await key(name, 'nowhere'), { status: 66, stderr: /\(no-data-key\)/ }, name);
  }
  const derived = await opened(t, { kms: 'kms://cluster-kms' });
  for (const words of [
    ['rotate', 'a'],
    ['rewrap', 'a'],
    ['rewrap', '--all'],
    ['delete', 'a'],
    ['restore', 'a'],
  ]) {
    t.match(await derived.key(...words), { status: 65, stdout: /^$/, stderr: /\(nothing-stored\)/ }, words.join(' '));
  }
  t.match(await derived.run('storage', 'verify'), { status: 65, stderr: /\(nothing-stored\)/ });
});

t.test('rewrap is of one key or of all', async (t) => {
  const { run, key } = await opened(t);
  for (const id of ['a', 'b', 'c']) await key('get', id);
  t.match(await key('rewrap', 'a'), { status: 0, stderr: /^$/, stdout: /^id +a\n(?:.|\n)*^rewrapped +0$/m });
  t.match(JSON.parse((await key('rewrap', 'a', '--output', 'json')).stdout), { dataKeyId: 'a', rewrapped: 0 });
  const summary = { status: 0, stderr: /^$/, stdout: /^looked at +3\nchanged +0\nfailed +0\n$/ };
  t.match(await key('rewrap', '--all'), summary);
  t.match(await key('rewrap', '--all', '--page-size', '1'), summary);
  t.match(await run('storage', 'verify', '--page-size=2'), summary);
  const { stdout } = await run('storage', 'verify', '--output', 'json');
  t.strictSame(JSON.parse(stdout), { done: 3, changed: 0, failed: [] });
  for (const words of [[], ['a', '--all'], ['a', '--resume', 'x'], ['a', '--page-size', '1']]) {
    t.match(await key('rewrap', ...words), { status: 64, stdout: /^$/, stderr: /\(bad-usage\)/ }, words.join(' '));
  }
  t.match(await key('rewrap', '--all', '--resume', 'QUJD'), {
    status: 66,
    stdout: /^$/,
    stderr: /pageToken is not one/,
  });
  t.match(await key('rewrap', '--all', '--page-size', '0'), { status: 64, stderr: /pageSize/ });
});

const FAILED = {
  record: 'data-keys/b.json',
  dataKeyId: 'b\n',
  reason: 'record-corrupt',
  detail: 'it is damaged',
  retryable: false,
};
const UNREAD = { ...FAILED, dataKeyId: undefined, record: 'data-keys/c.json', reason: 'context-mismatch' };

t.test('what is wrong with a record is told, nothing else is left undone, and the exit status is 65', async (t) => {
  const { url, requests } = await scriptedServer(
    t,
    json({ done: 2, changed: 1, failed: [FAILED], nextPageToken: 'Mg' }),
    json({ done: 1, changed: 0, failed: [UNREAD] }),
  );
  const words = ['storage', 'verify', '--server', url];
  t.strictSame((({ status, stdout, stderr }) => ({ status, stdout, stderr }))(await keystead(words)), {
    status: 65,
    stdout: [
      'b\\u{A}  it is damaged (record-corrupt)',
      'data-keys/c.json  it is damaged (context-mismatch)',
      'looked at  3',
      'changed    1',
      'failed     2',
      '',
    ].join('\n'),
    stderr: '',
  });
  t.same(
    requests.map(({ path, text }) => [path, text]),
    [
      ['/v1/system/verify-storage', '{}'],
      ['/v1/system/verify-storage', '{"pageToken":"Mg"}'],
    ],
  );
});

t.test('a list that is not whole says so behind what there is, and the exit status is 65', async (t) => {
  const info = { dataKeyId: 'a', version: 2, source: 'stored', state: 'active', kek: 'kms://x', kekVersion: '1' };
  const { url } = await scriptedServer(t, json({ dataKeys: [{ ...info, length: 32, etag: '8' }], failed: [UNREAD] }));
  const { status, stdout, stderr } = await keystead(['data-key', 'list', '--server', url]);
  t.equal(status, 65);
  t.match(stdout, /^a +version 2 +32 bytes/);
  t.match(stderr, /not all is listed: it is damaged; storage verify names them all/);
});

t.test('the same as JSON', async (t) => {
  const { url } = await scriptedServer(t, json({ done: 2, changed: 1, failed: [FAILED, UNREAD] }));
  const outcome = await keystead(['data-key', 'rewrap', '--all', '--output=json', '--server', url]);
  t.match(outcome, { status: 65, stderr: /^$/ });
  const failed = JSON.parse(JSON.stringify([FAILED, UNREAD]));
  t.strictSame(JSON.parse(outcome.stdout), { done: 2, changed: 1, failed });
});

t.test('where another run may find nothing wrong, the exit status says so', async (t) => {
  const away = { record: 'data-keys/a.json', reason: 'kms-unreachable', detail: 'it is away', retryable: true };
  const status = async (failed: object[]) => {
    const { url } = await scriptedServer(t, json({ done: 2, changed: 0, failed }));
    return (await keystead(['storage', 'verify', '--server', url])).status;
  };
  t.equal(await status([away]), 75);
  t.equal(await status([away, FAILED]), 65);
});

t.test('a run that was cut short says where the next one goes on', async (t) => {
  const steps = () => [
    json({ done: 2, changed: 1, failed: [], nextPageToken: 'Mg' }),
    problem(503, { code: 'failed_precondition', reason: 'sealed' }),
  ];
  const first = await scriptedServer(t, ...steps());
  const words = ['data-key', 'rewrap', '--all', '--server'];
  t.match(await keystead([...words, first.url]), {
    status: 65,
    stdout: /^looked at +2\nchanged +1\nfailed +0\ngo on with --resume +Mg\n$/,
    stderr: /^keystead: in plain words \(sealed\)\n$/,
  });
  const second = await scriptedServer(t, ...steps());
  const outcome = await keystead([...words, second.url, '--output', 'json', '--resume', 'MQ']);
  t.equal(outcome.status, 65);
  t.strictSame(JSON.parse(outcome.stdout), { done: 2, changed: 1, failed: [], nextPageToken: 'Mg' });
  t.match(JSON.parse(outcome.stderr), { reason: 'sealed' });
  t.equal(second.requests[0]?.text, '{"pageToken":"MQ"}');
  const nothing = await scriptedServer(t, problem(503, { code: 'failed_precondition', reason: 'sealed' }));
  t.match(await keystead([...words, nothing.url]), { status: 65, stdout: /^$/ });
});

t.test('progress is shown on a terminal, and nowhere else', async (t) => {
  const steps = () => [
    json({ done: 2, changed: 1, failed: [FAILED], nextPageToken: 'Mg' }),
    json({ done: 1, changed: 1, failed: [] }),
  ];
  const words = ['data-key', 'rewrap', '--all', '--server'];
  const shown = await keystead([...words, (await scriptedServer(t, ...steps())).url], { isTTY: true });
  t.equal(shown.stderr, '\r2 looked at, 1 changed, 1 failed\r3 looked at, 2 changed, 1 failed\n');
  const hidden = await keystead([...words, (await scriptedServer(t, ...steps())).url]);
  t.equal(hidden.stderr, '');
  t.equal(shown.stdout, hidden.stdout);
});
