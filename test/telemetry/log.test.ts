import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { openLog } from '../../src/telemetry/log.ts';

function capture() {
  const stream = new PassThrough();
  const text = () => String(stream.read() ?? '');
  return { log: openLog('info', stream), text };
}

t.test('an entry is one JSON line with an ISO time and its level as a word', async (t) => {
  const { log, text } = capture();
  log.info({ http: 'http://127.0.0.1:8080', grpc: '127.0.0.1:9000' }, 'ready');
  const line = text();
  t.equal(line.indexOf('\n'), line.length - 1);
  t.match(JSON.parse(line), {
    level: 'info',
    time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
    pid: process.pid,
    http: 'http://127.0.0.1:8080',
    grpc: '127.0.0.1:9000',
    msg: 'ready',
  });
});

t.test('the level decides, also when it is changed later', async (t) => {
  const { log, text } = capture();
  log.debug('no');
  t.equal(text(), '');
  log.level = 'debug';
  log.debug('yes');
  t.match(text(), /"msg":"yes"/);
});

t.test('no way into a line lets a secret through', async (t) => {
  const { log, text } = capture();
  const bytes = randomBytes(32);
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    const secret = bytes.toString(encoding);
    log.error(new Error(`bare ${secret}`));
    log.error(new Error(`bare ${secret}`), `with ${secret}`);
    log.error({ err: new KeysteadError('unexpected', 'x', { cause: new Error(secret) }), traceId: 'a' }, 'failed');
    log.error({ error: new Error(secret), reason: secret, list: [secret], [secret]: 1 });
    log.info(`message ${secret}`);
    log.info('argument %s %j %o', secret, { secret }, { deep: { secret } });
    log.child({ who: secret, token: secret }).info({ headers: { authorization: `Bearer ${secret}` } }, 'child');
    log.info({ req: { headers: { cookie: secret } }, res: { body: secret }, url: `kms://aws?accessKey=${secret}` });
    const written = text();
    t.notMatch(written, secret.replace(/=+$/, ''));
    t.equal(written.trim().split('\n').length, 8);
  }
});

t.test('a reader that went away is nobody’s error', async (t) => {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('x'), { code: 'EPIPE' })),
  });
  const log = openLog('info', stream);
  log.info('one');
  await new Promise((resolve) => stream.once('close', resolve));
  t.doesNotThrow(() => log.info('two'));
});

t.test('a reader that stalls costs lines, not memory, and is told how many', async (t) => {
  let release = () => {};
  const written: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      written.push(line);
      if (written.length === 1) release = done;
      else done();
    },
  });
  const log = openLog('info', stream);
  for (let n = 0; n < 700; n++) log.info({ words: 'lorem ipsum dolor sit amet '.repeat(100) }, 'long');
  t.ok(stream.writableLength < 1024 * 1024 + 4096);
  release();
  while (stream.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
  log.info('again');
  const dropped = written.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'log lines were dropped');
  t.ok(dropped.dropped > 200);
  t.match(written.at(-1), /"msg":"again"/);
});
