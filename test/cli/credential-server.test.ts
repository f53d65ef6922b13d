import t from 'tap';
import { serveCredentials } from '../../src/cli/credential-server.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { AwsCredentials } from '../../src/core/roles.ts';

const expiration = new Date(Date.UTC(2030, 0, 1));
const session = (accessKeyId: string) =>
  new AwsCredentials({ accessKeyId, secretAccessKey: 'hush', sessionToken: 'token', expiration });

t.test('a command that asks again gets what lives by then, and why there is nothing', async (t) => {
  const given = [session('ASIA1'), session('ASIA2')];
  const server = await serveCredentials(async () => {
    const next = given.shift();
    if (next === undefined) throw new KeysteadError('no-access', 'no session in account 222222222222');
    return next;
  });
  t.teardown(() => server.close());
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri = '', AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization = '' } =
    server.variables;
  const ask = async (path = '', headers: Record<string, string> = { authorization }) => {
    const answer = await fetch(`${uri}${path}`, { headers });
    t.equal(answer.headers.get('cache-control'), 'no-store');
    return { status: answer.status, body: await answer.json() };
  };
  t.same(await ask(), {
    status: 200,
    body: { AccessKeyId: 'ASIA1', SecretAccessKey: 'hush', Token: 'token', Expiration: '2030-01-01T00:00:00.000Z' },
  });
  t.match(await ask('?a=b'), { status: 404 });
  for (const headers of [{}, { authorization: '' }, { authorization: `${authorization}x` }]) {
    t.match(await ask('', headers as Record<string, string>), { status: 401, body: { code: 'Unauthorized' } });
  }
  t.match(await ask(), { status: 200, body: { AccessKeyId: 'ASIA2' } }, 'nobody else had an answer');
  t.match(await ask(), { status: 503, body: { code: 'no-access', message: /222222222222/ } });
});

t.test('it is on loopback, each time with a token of its own, and gone when it is closed', async (t) => {
  const [one, other] = await Promise.all([
    serveCredentials(async () => session('A')),
    serveCredentials(async () => session('B')),
  ]);
  t.match(one.variables['AWS_CONTAINER_CREDENTIALS_FULL_URI'], /^http:\/\/127\.0\.0\.1:\d+\//);
  t.not(one.variables['AWS_CONTAINER_AUTHORIZATION_TOKEN'], other.variables['AWS_CONTAINER_AUTHORIZATION_TOKEN']);
  await Promise.all([one.close(), other.close()]);
  await t.rejects(fetch(one.variables['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? ''));
});
