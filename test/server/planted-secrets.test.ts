import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { startService } from '../support/service-process.ts';

/** Secrets by where they were planted, and every form that one could come out in. */
class Planted {
  readonly #forms = new Map<string, string[]>();

  /** Random text, as a token or a password is. */
  text(where: string): string {
    const planted = `T${randomBytes(18).toString('base64url')}9`;
    this.add(where, Buffer.from(planted));
    return planted;
  }

  bytes(where: string, length = 32): Buffer {
    const planted = randomBytes(length);
    this.add(where, planted);
    return planted;
  }

  add(where: string, bytes: Buffer): void {
    const base64 = bytes.toString('base64').replace(/=+$/, '');
    const forms = [bytes.toString('latin1'), bytes.toString('hex'), bytes.toString('hex').toUpperCase()];
    this.#forms.set(where, [...forms, base64, bytes.toString('base64url'), encodeURIComponent(base64)]);
  }

  /** Where the secrets were planted that stand in the text. */
  foundIn(output: string): string[] {
    return [...this.#forms].filter(([, forms]) => forms.some((form) => output.includes(form))).map(([where]) => where);
  }
}

t.test('no secret that is sent, given or handed out is in any output', async (t) => {
  const planted = new Planted();
  const token = planted.text('admin token');
  const dir = t.testdir({ token });
  const service = startService(t, {
    dev: false,
    log: { level: 'trace' },
    admin: { tokenFile: join(dir, 'token') },
  });
  const { http } = await service.ready();
  const answers: string[] = [];
  const send = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(http + path, init);
    const body = await response.text();
    if (response.status !== 200) answers.push(JSON.stringify([...response.headers]), body);
    return { status: response.status, body };
  };
  const admin = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const post = (path: string, body: string, headers: Record<string, string> = admin) =>
    send(path, { method: 'POST', headers, body });

  // Headers.
  const strange = { authorization: `Bearer ${planted.text('wrong token')}`, cookie: `s=${planted.text('cookie')}` };
  const others = { 'x-api-key': planted.text('api key'), 'proxy-authorization': `Basic ${planted.text('proxy')}` };
  await post('/v1/data-keys/x/get', '{"length":32}', { ...strange, ...others, 'content-type': 'application/json' });
  await post('/v1/data-keys/x/get', '{}', { ...admin, 'content-type': `text/${planted.text('type')}` });
  // Bodies, fit and unfit.
  const short = planted.bytes('short master secret', 15).toString('base64');
  await post(
    '/v1/system/bootstrap',
    `{"masterSecret":"${short}","salt":"${planted.bytes('salt').toString('base64')}"}`,
  );
  await post('/v1/system/bootstrap', `{"masterSecret":"${planted.bytes('cut body').toString('base64')}"`);
  await post('/v1/system/bootstrap', `{"masterSecret":${planted.bytes('no string').toString('hex')}}`);
  await post('/v1/system/bootstrap', `{"masterSecret":" ${planted.bytes('spaced').toString('base64')}","salt":"x"}`);
  await post('/v1/system/bootstrap', `{"secret":"${planted.text('field')}"}`);
  await post('/v1/data-keys/x/get', `{"length":"${planted.text('length')}","expect":"${planted.text('expect')}"}`);
  const good = planted.bytes('master secret').toString('base64');
  const salt = planted.bytes('good salt').toString('base64');
  t.equal((await post('/v1/system/bootstrap', JSON.stringify({ masterSecret: good, salt }))).status, 200);
  const other = planted.bytes('another master secret').toString('base64');
  t.equal((await post('/v1/system/bootstrap', JSON.stringify({ masterSecret: other, salt }))).status, 409);
  // Query.
  await post(`/v1/data-keys/x/get?length=${planted.text('query value')}&${planted.text('query name')}=1`, '{}');
  await send(`/nowhere?token=${planted.text('query of no route')}`);
  // A key on its way out, and a request that is no HTTP.
  const key = JSON.parse((await post('/v1/data-keys/x/get', '{"length":32}')).body);
  planted.add('data key', Buffer.from(key.dataKey, 'base64'));
  answers.push(await raw(http, `${planted.text('no method')} / HTTP/1.1\r\n${planted.text('no header')}\r\n\r\n`));
  answers.push((await send('/metrics')).body, (await send('/v1/system/status')).body);

  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
  t.ok(service.audit.length >= 3);
  t.same(planted.foundIn(service.stdout), [], 'stdout');
  t.same(planted.foundIn(service.stderr), [], 'stderr');
  t.same(planted.foundIn(answers.join('\n')), [], 'answers');
});

t.test('no secret of a configuration is in the words that refuse it', async (t) => {
  const planted = new Planted();
  const key = planted.bytes('key in URI', 15).toString('base64url');
  const salt = planted.bytes('salt in URI').toString('base64url');
  const configs = [
    { kms: `kms://cluster-kms?key=${key}&salt=${salt}` },
    { kms: `kms://cluster-kms?key=${planted.text('bad base64')}*&salt=${salt}` },
    { kms: `kms://aws?region=eu-central-1&accessKeyID=AKIAABCDEFGHIJKLMNOP&accessKey=${planted.text('accessKey')}` },
    {
      kms: `kms://azure?vaultName=v&vaultType=nowhere&keyName=k&tenantID=t&clientID=c&clientSecret=${planted.text('clientSecret')}`,
    },
    { storage: `storage://aws?bucket=b&accessKey=${planted.text('half a pair')}` },
    { storage: `storage://${planted.text('no provider')}` },
  ];
  const outputs = configs.map(async (config) => {
    const service = startService(t, config);
    t.not(await service.exited, 0, service.stderr);
    t.match(service.stderr, /^keystead: [^\n]*\n$/);
    return service.stdout + service.stderr;
  });
  t.same(planted.foundIn((await Promise.all(outputs)).join('\n')), []);
});

async function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(bytes);
  return text(socket);
}
