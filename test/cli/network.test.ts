import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import t, { type Test } from 'tap';
import { systemNetwork } from '../../src/cli/network.ts';
import { authority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';

async function listen(t: Test, server: Server, protocol: 'http' | 'https'): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return new URL(`${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}/path`);
}

t.test('names are resolved', async (t) => {
  t.ok((await systemNetwork.resolve('localhost')).some((address) => address === '127.0.0.1' || address === '::1'));
  await t.rejects(systemNetwork.resolve('no-such-name.invalid'), { code: /ENOTFOUND|EAI_AGAIN/ });
});

t.test('a port that answers, and one that does not', async (t) => {
  const address = await listen(
    t,
    createTcp((socket) => socket.destroy()),
    'http',
  );
  t.equal(await systemNetwork.connect(address), `port ${address.port} answers`);
  const dead = new URL(`http://127.0.0.1:${await freePort()}`);
  await t.rejects(systemNetwork.connect(dead), { code: 'ECONNREFUSED' });
});

t.test('TLS says its version and how long the certificate holds; one that is not trusted is refused', async (t) => {
  const ca = authority('network test');
  const address = await listen(t, createHttps(ca.issue('localhost')), 'https');
  await t.rejects(systemNetwork.connect(address), { code: /SELF_SIGNED|UNABLE_TO/ });
  const before = getCACertificates('default');
  t.teardown(() => setDefaultCACertificates(before));
  setDefaultCACertificates([...before, ca.cert]);
  t.match(await systemNetwork.connect(address), /^TLSv1\.3, certificate until 20\d\d-\d\d-\d\dT/);
});

t.test('a server that does not speak TLS is told from one that does', async (t) => {
  const plain = await listen(
    t,
    createHttp((_request, response) => response.end()),
    'http',
  );
  plain.protocol = 'https:';
  await t.rejects(systemNetwork.connect(plain), { code: /ERR_SSL|EPROTO/ });
});

t.test('the clock of a server is read from its answer, whatever it answers besides', async (t) => {
  const date = 'Tue, 01 Jan 2030 00:00:00 GMT';
  const server = createHttp((_request, response) => response.writeHead(403, { date }).end('no'));
  const told = await systemNetwork.date(await listen(t, server, 'http'));
  t.equal(told?.toISOString(), '2030-01-01T00:00:00.000Z');
  const silent = createHttp((_request, response) => {
    response.sendDate = false;
    response.end();
  });
  t.equal(await systemNetwork.date(await listen(t, silent, 'http')), undefined);
  await t.rejects(
    systemNetwork.date(
      await listen(
        t,
        createTcp((socket) => socket.destroy()),
        'http',
      ),
    ),
  );
});
