import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { motoQuery, secrets, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { openedKeyAdmin, uriText } from '../support/opened-doors.ts';
import { testCall } from '../support/services.ts';
import { keystead } from './terminal.ts';

/** Of this file alone: what looks for keys that were left behind walks over all without a name. */
const REGION = 'il-central-1';
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const call = testCall();
t.setTimeout(400_000);

t.test('keystead key apply, killed at any call that changes something', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const query = { ...motoQuery(env), region: REGION };
  const moto = env['AWS_ENDPOINT_URL'] ?? '';
  const admin = await openedKeyAdmin(t, uriText('kms://aws', { ...query, keyName: 'alias/any' }), { secrets });
  const dir = mkdtempSync(join(tmpdir(), 'keystead-killed-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const declare = (name: string, endpoint: string) => {
    const file = join(dir, `${name.slice('alias/'.length)}-${endpoint.split(':').at(-1)}.json`);
    const key = uriText('kms://aws', { ...query, keyName: name, endpoint });
    writeFileSync(
      file,
      JSON.stringify({ key, description: 'new', tags: { a: 'b' }, rotationDays: 90, deletionDays: 7 }),
    );
    return file;
  };
  const apply = (file: string, ...more: string[]) => ['key', 'apply', '--file', file, ...more];
  const surroundings = { TEST_ACCESS_KEY: 'test' };

  /** Runs one apply in a process of its own, kills it at the call, and has another one finish. */
  const killed = async (t: Test, name: string, action: string, arrives: boolean, more: string[]) => {
    const way = await deadlyWay(t, moto, action, arrives);
    const child = spawn(process.execPath, [MAIN, ...apply(declare(name, way.url), ...more)], {
      stdio: 'ignore',
      env: { ...process.env, ...surroundings },
    });
    way.kill = () => child.kill('SIGKILL');
    const [, signal] = await once(child, 'close');
    t.equal(signal, 'SIGKILL', 'it was killed');
    const next = await keystead(apply(declare(name, moto), ...more), { env: surroundings });
    t.match(next, { status: 0, stderr: '' });
    const usable = (await admin.earlier(name, call)).filter(({ state }) => state !== 'terminated');
    t.same(usable, [], 'no key is left without its name');
    return admin.find(name, ['tags', 'rotation'], call);
  };

  const beforeAndAfter = (one: (arrives: boolean) => Promise<void>) => Promise.all([false, true].map(one));
  for (const action of ['CreateKey', 'CreateAlias', 'EnableKeyRotation']) {
    await t.test(`making a key: ${action}`, (t) =>
      beforeAndAfter(async (arrives) => {
        const name = `alias/${unique('key')}`;
        const key = await killed(t, name, action, arrives, []);
        t.match(key, { state: 'running', description: 'new', tags: { a: 'b' }, rotationDays: 90 });
        t.same(await admin.earlier(name, call), [], 'and no second one was made');
      }),
    );
  }
  for (const action of ['ScheduleKeyDeletion', 'DeleteAlias']) {
    await t.test(`terminating a key: ${action}`, (t) =>
      beforeAndAfter(async (arrives) => {
        const name = `alias/${unique('key')}`;
        await admin.create(name, {}, call);
        const confirmed = ['--state', 'terminated', '--confirm', name];
        t.equal(await killed(t, name, action, arrives, confirmed), undefined, 'the name is free');
        t.match(await admin.earlier(name, call), [{ state: 'terminated' }]);
      }),
    );
  }
});

/** A way to a server on which whoever makes a call of that name is killed: before the call arrives, or behind it. */
async function deadlyWay(t: Test, to: string, action: string, arrives: boolean) {
  const way = { url: '', kill: () => {} };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const here = String(request.headers['x-amz-target']).endsWith(`.${action}`);
    if (here && !arrives) return way.kill();
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const sent = { method: 'POST', body: Buffer.concat(chunks), headers: headers as Record<string, string> };
    const answer = await fetch(to, sent);
    const body = Buffer.from(await answer.arrayBuffer());
    if (here) return way.kill();
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  way.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return way;
}
