import t from 'tap';
import { exposureOf } from '../../src/server/exposure.ts';
import { testConfig } from '../support/services.ts';

const of = (config: Parameters<typeof testConfig>[0]) => exposureOf(testConfig(config));
const plain = { dev: false, admin: { tokenFile: '/t' } };

t.test('a development server listens on loopback only', async (t) => {
  for (const listen of ['127.0.0.1:0', '127.1.2.3:80', '[::1]:8080', 'localhost:8080']) {
    t.same(of({ http: { listen }, grpc: { listen } }).warnings, [], listen);
  }
  for (const listen of ['0.0.0.0:0', '[::]:0', '10.0.0.1:80', 'example.com:80', '128.0.0.1:1']) {
    t.throws(() => of({ http: { listen } }), { reason: 'bad-config', message: /loopback only/ }, listen);
    t.throws(() => of({ grpc: { listen }, insecurePlaintext: true }), { reason: 'bad-config', message: /loopback/ });
    t.throws(() => of({ grpc: { listen }, tls: { certFile: 'c', keyFile: 'k' } }), {
      name: 'KeysteadError',
      reason: 'bad-config',
    });
  }
});

t.test('beyond loopback there is TLS, or plaintext that was asked for by name', async (t) => {
  const beyond = { ...plain, http: { listen: '0.0.0.0:8080' } };
  t.throws(() => of(beyond), { reason: 'bad-config', message: /0\.0\.0\.0:8080 without TLS.*--insecure-plaintext/ });
  t.throws(() => of({ ...plain, grpc: { listen: '[::]:9000' } }), { reason: 'bad-config', message: /\[::\]:9000/ });
  t.same(of({ ...beyond, tls: { certFile: 'c', keyFile: 'k' } }).warnings, []);
  t.match(of({ ...beyond, insecurePlaintext: true }).warnings, [/in plaintext on 0\.0\.0\.0:8080/]);
  t.same(of({ ...plain, insecurePlaintext: true }).warnings, [], 'nothing to warn of on loopback');
});

t.test('an audit trail in the clear is warned of, and no token goes with it', async (t) => {
  for (const sink of ['stdout', 'file:///a', 'https://c.example/l?tokenFile=/t', 'http://127.0.0.1:1/?tokenFile=/t']) {
    t.same(of({ ...plain, audit: { sink } }).warnings, [], sink);
  }
  for (const sink of ['http://c.example:80/lines', 'otlp+http://[fd00::1]:4318']) {
    t.match(of({ ...plain, audit: { sink } }).warnings, [
      /audit lines go to (c\.example|\[fd00::1\]:4318) in the clear/,
    ]);
    t.throws(() => of({ ...plain, audit: { sink: `${sink}?tokenFile=/t` } }), {
      reason: 'bad-config',
      message: /would send its token to .* in the clear/,
    });
  }
});

t.test('a service without credentials says what it answers', async (t) => {
  t.match(of({ dev: false }).warnings, [/no credentials are configured/]);
});

t.test('addresses are read once, and gRPC may be off', async (t) => {
  t.match(of({ http: { listen: '[::1]:8080' }, grpc: { listen: 'off' } }), {
    http: { host: '::1', port: 8080 },
    grpc: undefined,
  });
  t.throws(() => of({ http: { listen: 'off' } }), { reason: 'bad-config', message: /^http\.listen must be HOST:PORT/ });
});

t.test('workers that would each hold a store of their own are refused', async (t) => {
  const wrap = { kms: 'kms://cluster-kms?mode=wrap' };
  t.throws(() => of({ ...wrap, workers: 2 }), { reason: 'bad-config', message: /^2 workers would each hold/ });
  t.equal(of({ ...wrap, workers: 1 }).workers, 1);
  t.equal(of({ workers: 2 }).workers, 2, 'derived keys are the same everywhere');
  t.ok(of({ workers: 'auto' }).workers >= 1);
});

t.test('the admin listener is off unless asked for, and stands where the others may', async (t) => {
  t.equal(of({}).admin, undefined);
  t.match(of({ admin: { listen: '127.0.0.1:8081' } }).admin, { host: '127.0.0.1', port: 8081 });
  t.throws(() => of({ admin: { listen: '0.0.0.0:1' } }), { reason: 'bad-config', message: /loopback only/ });
  t.throws(() => of({ ...plain, admin: { ...plain.admin, listen: '0.0.0.0:8081' } }), {
    reason: 'bad-config',
    message: /0\.0\.0\.0:8081 without TLS/,
  });
});
