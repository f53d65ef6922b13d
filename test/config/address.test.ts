import fc from 'fast-check';
import t from 'tap';
import { formatAddress, isLoopback, parseAddress } from '../../src/config/address.ts';

t.test('HOST:PORT is read, with brackets around IPv6', async (t) => {
  t.same(parseAddress('127.0.0.1:8080'), { host: '127.0.0.1', port: 8080 });
  t.same(parseAddress('[::1]:0'), { host: '::1', port: 0 });
  t.same(parseAddress('[fe80::1%eth0]:65535'), { host: 'fe80::1%eth0', port: 65535 });
  t.same(parseAddress('key-service.kube-system:9000'), { host: 'key-service.kube-system', port: 9000 });
});

t.test('everything else is refused', async (t) => {
  for (const text of [
    '',
    ':',
    ':8080',
    '8080',
    'localhost',
    'localhost:',
    'localhost:65536',
    'localhost:-1',
    'localhost:+1',
    '::1:80',
    '[::1]',
    '[]:1',
    '[localhost]:1',
    '[127.0.0.1]:1',
    'http://localhost:80',
    'localhost:80/',
    ' localhost:80',
    'a b:1',
    '-a:1',
    'a..b:1',
    'localhost:0x10',
    'localhost:1\n',
    `${'a'.repeat(254)}:1`,
    'ü:1',
  ]) {
    t.equal(parseAddress(text), undefined, JSON.stringify(text));
  }
});

t.test('what is written reads back the same', async (t) => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(host, fc.nat(65535), (host, port) => {
      t.same(parseAddress(formatAddress({ host, port })), { host, port });
    }),
  );
});

t.test('only what surely stays on this machine is loopback', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.255.0.9', '::1']) t.ok(isLoopback({ host }), host);
  for (const host of ['0.0.0.0', '::', '127.0.0.1.example.com', '127.1', 'local', '10.0.0.1', '1127.0.0.1']) {
    t.notOk(isLoopback({ host }), host);
  }
});
