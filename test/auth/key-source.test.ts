import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { keySource } from '../../src/auth/key-source.ts';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { authority } from '../support/certificates.ts';
import { openIssuer, signingKey } from './support/issuer.ts';

const files = { readFile: readSmallFile };
const failure = (message: RegExp) => ({ name: 'KeysteadError', reason: 'issuer-unreachable', message });
const KEY = signingKey('one');
const DISCOVERY = '/.well-known/openid-configuration';

t.test('keys are found by discovery', async (t) => {
  const issuer = await openIssuer(t);
  issuer.keys = [KEY];
  t.match(await keySource({ issuer: issuer.url }, files)(), { keys: [{ kid: 'one' }] });
  t.same(
    issuer.asked.map(({ path }) => path),
    [DISCOVERY, '/keys'],
  );
});

t.test('a slash at the end of an issuer is part of its name, and not doubled in the address', async (t) => {
  const issuer = await openIssuer(t);
  issuer.discovery = { issuer: `${issuer.url}/` };
  t.match(await keySource({ issuer: `${issuer.url}/` }, files)(), { keys: [] });
  await t.rejects(keySource({ issuer: issuer.url }, files)(), failure(/that of another issuer/));
});

t.test('a discovery document is refused that is of another issuer or leads out of TLS', async (t) => {
  const issuer = await openIssuer(t);
  const load = keySource({ issuer: issuer.url }, files);
  for (const other of ['https://evil.example', `${issuer.url}/x`, 7, null, undefined]) {
    issuer.discovery = { issuer: other };
    await t.rejects(load(), failure(/that of another issuer/), String(other));
  }
  for (const address of ['http://keys.example', 'file:///etc/passwd', 'keys', 7, null, undefined]) {
    issuer.discovery = { jwks_uri: address };
    await t.rejects(load(), failure(/gives no https/), String(address));
  }
});

t.test('a redirect, an error and what is no JSON are no keys', async (t) => {
  const [issuer, other] = [await openIssuer(t), await openIssuer(t)];
  other.keys = [KEY];
  const load = keySource({ issuer: 'any', jwksUri: `${issuer.url}/keys` }, files);
  issuer.answer = (_request, response) => response.writeHead(302, { location: `${other.url}/keys` }).end();
  await t.rejects(load(), failure(/answers with status 302/));
  t.same(other.asked, [], 'and is not followed');
  issuer.answer = (_request, response) => response.writeHead(500).end('{}');
  await t.rejects(load(), failure(/status 500/));
  issuer.answer = (_request, response) => response.end('<html>');
  await t.rejects(load(), failure(/something else than JSON/));
  issuer.answer = (_request, response) => response.end(' '.repeat(300_000));
  await t.rejects(load(), failure(/more than 262144 bytes/));
});

t.test('the bearer token goes to the origin of the issuer, and nowhere else', async (t) => {
  const [issuer, other] = [await openIssuer(t), await openIssuer(t)];
  const tokenFile = join(t.testdir({ token: 'first\n' }), 'token');
  const load = keySource({ issuer: issuer.url, tokenFile }, files);
  await load();
  t.same(
    issuer.asked.map(({ authorization }) => authorization),
    ['Bearer first', 'Bearer first'],
  );
  writeFileSync(tokenFile, 'second\n');
  issuer.discovery = { jwks_uri: `${other.url}/keys` };
  await load();
  t.equal(issuer.asked[2]?.authorization, 'Bearer second', 'the file is read each time');
  t.same(other.asked, [{ path: '/keys', authorization: undefined }]);
  other.answer = (_request, response) => response.writeHead(403).end('{}');
  await t.rejects(load(), failure(/answers with status 403; tokenFile is not shown there.*jwksUri/), 'and says so');
  other.answer = undefined;
  const direct = keySource({ issuer: 'any', jwksUri: `${other.url}/keys`, tokenFile }, files);
  await direct();
  t.equal(other.asked.at(-1)?.authorization, 'Bearer second');
});

t.test('a token file without a token, or none at all, is told by its name', async (t) => {
  const issuer = await openIssuer(t);
  const dir = t.testdir({ empty: '', two: 'a b' });
  for (const name of ['empty', 'two', 'missing']) {
    const load = keySource({ issuer: issuer.url, tokenFile: join(dir, name) }, files);
    await t.rejects(load(), failure(new RegExp(`${name} (holds no token|cannot be read)`)));
  }
  t.same(issuer.asked, []);
});

t.test('the authority of the file is the one that counts', async (t) => {
  const mine = authority('mine');
  const issuer = await openIssuer(t, mine.issue('server'));
  const caFile = join(t.testdir({ ca: mine.cert }), 'ca');
  t.match(await keySource({ issuer: issuer.url, caFile }, files)(), { keys: [] });
  await t.rejects(keySource({ issuer: issuer.url }, files)(), failure(/cannot be asked/));
});

t.test('keys in a file are read each time', async (t) => {
  const jwksFile = join(t.testdir({ keys: '{"keys":[]}' }), 'keys');
  const load = keySource({ issuer: 'any', jwksFile }, files);
  t.same(await load(), { keys: [] });
  writeFileSync(jwksFile, '{"keys":[1]}');
  t.same(await load(), { keys: [1] });
  writeFileSync(jwksFile, '{');
  await t.rejects(load(), failure(/keys is not JSON/));
});
