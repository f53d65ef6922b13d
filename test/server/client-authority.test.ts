import { once } from 'node:events';
import { createServer } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { httpPorch } from '../../src/server/http-porch.ts';
import { secureContext } from '../../src/server/tls.ts';
import { type Authority, authority, type Identity } from '../support/certificates.ts';
import { listening } from '../support/gate.ts';
import { testAmbient } from '../support/services.ts';

const own = authority('own');
const identity = own.issue('server');
const [first, second] = [authority('first'), authority('second')];

function material(...authorities: readonly Authority[]) {
  const clientCa = Buffer.from(authorities.map(({ cert }) => cert).join(''));
  return { cert: Buffer.from(identity.cert), key: Buffer.from(identity.key), clientCa };
}

/** A listener that asks for certificates of these, and whoever connects to it. */
async function open(t: Test, ...authorities: readonly Authority[]) {
  const tls = material(...authorities);
  const options = { ...secureContext(tls), requestCert: true, rejectUnauthorized: true };
  const server = createServer(options, (_request, response) => response.end('x'));
  const porch = httpPorch(server, { clock: testAmbient().clock, tls });
  const { port } = await listening(t, porch);
  const tcp = async () => {
    const accepted = once(server, 'connection');
    const socket = connectTcp(port, '127.0.0.1');
    await accepted;
    return socket;
  };
  const shake = (socket: Socket, pair: Identity): TLSSocket => {
    const client = connect({ socket, ca: own.cert, servername: 'localhost', ...pair }).on('error', () => {});
    t.teardown(() => client.destroy());
    return client;
  };
  return {
    trust: (...next: readonly Authority[]) => porch.setTls(material(...next)),
    tcp,
    shake,
    /** Has had an answer. */
    client: async (pair: Identity) => {
      const client = shake(await tcp(), pair);
      t.ok(await answers(client));
      return client;
    },
  };
}

/** False: the connection has ended. */
async function answers(client: TLSSocket): Promise<boolean> {
  if (client.destroyed) return false;
  const ended = once(client, 'close').then(() => false);
  const answered = once(client, 'data').then(() => true);
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return Promise.race([ended, answered]);
}

t.test('where an authority counts no more, the connections of its clients end, and no others', async (t) => {
  const { trust, client } = await open(t, first, second);
  const [mine, other] = [await client(first.issue('a')), await client(second.issue('b'))];
  trust(second);
  t.equal(await answers(mine), false);
  t.equal(await answers(other), true);
});

t.test('an authority that comes to those there are ends nothing', async (t) => {
  const { trust, client } = await open(t, first);
  const mine = await client(first.issue('a'));
  trust(second, first);
  const other = await client(second.issue('b'));
  t.equal(await answers(mine), true);
  trust(first, authority('third'));
  t.equal(await answers(mine), true);
  t.equal(await answers(other), false);
});

t.test("a certificate may come from an authority by way of others, the client's or the service's", async (t) => {
  const between = first.between('between');
  const leaf = between.issue('a');
  const { trust, client } = await open(t, first, between, second);
  const [alone, withChain] = [await client(leaf), await client({ ...leaf, cert: `${leaf.cert}${between.cert}` })];
  trust(between, first);
  t.equal(await answers(alone), true);
  t.equal(await answers(withChain), true);
  trust(first);
  t.equal(await answers(withChain), true);
  const again = await client({ ...leaf, cert: `${leaf.cert}${between.cert}` });
  trust(between, second);
  t.equal(await answers(again), false, 'one in between is no authority by itself');
});

t.test('an authority of the same name is another one', async (t) => {
  const { trust, client } = await open(t, first);
  const mine = await client(first.issue('a'));
  trust(authority('first'));
  t.equal(await answers(mine), false);
});

t.test('a handshake that was under way ends as the authority then wants it', async (t) => {
  const { trust, tcp, shake } = await open(t, first, second);
  const [one, two] = [await tcp(), await tcp()];
  trust(second);
  const [mine, other] = [shake(one, first.issue('a')), shake(two, second.issue('b'))];
  t.equal(await answers(mine), false);
  t.equal(await answers(other), true);
});
