import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../../src/config/read-small-file.ts';
import { kubernetesApi } from '../../../src/providers/kubernetes/api.ts';
import { tokenReviewer } from '../../../src/providers/kubernetes/token-review.ts';
import { openIssuer } from '../../auth/support/issuer.ts';
import { authority } from '../../support/certificates.ts';

const NAME = 'system:serviceaccount:team-a:web';
const AWAY = { name: 'KeysteadError', reason: 'token-review-unavailable', code: 'unavailable' } as const;
const NO = { authenticated: false, username: '' };

/** An API server that gives this answer, and what it was asked. */
async function scene(t: Test, answer: object | string, status = 201) {
  const mine = authority('cluster');
  const server = await openIssuer(t, mine.issue('apiserver'));
  const asked: { method: string; path: string; authorization: string; body: unknown }[] = [];
  server.answer = async (request, response) => {
    const body = JSON.parse((await request.toArray()).join(''));
    const { method = '', url: path = '', headers } = request;
    asked.push({ method, path, authorization: headers.authorization ?? '', body });
    response.writeHead(status).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  };
  const dir = t.testdir({ ca: mine.cert, token: 'first\n' });
  const files = { caFile: join(dir, 'ca'), tokenFile: join(dir, 'token') };
  const api = kubernetesApi({ url: server.url, ...files, timeoutMs: 5000, readFile: readSmallFile });
  return { asked, server, ...files, review: () => tokenReviewer(api).review('the token', ['keystead']) };
}

const review = (status: object) => ({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', status });
const YES = { authenticated: true, audiences: ['keystead'], user: { username: NAME } };

t.test('the API server is asked as Kubernetes says, with the token of the service itself', async (t) => {
  const { asked, review: ask, tokenFile } = await scene(t, review(YES));
  t.same(await ask(), { authenticated: true, username: NAME });
  t.same(asked, [
    {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      authorization: 'Bearer first',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: 'the token', audiences: ['keystead'] },
      },
    },
  ]);
  writeFileSync(tokenFile, 'second');
  await ask();
  t.equal(asked[1]?.authorization, 'Bearer second', 'which may be replaced at any time');
});

t.test('only a yes for one of the audiences is a yes', async (t) => {
  t.same(await (await scene(t, review({ ...YES, audiences: ['x', 'keystead'] }), 200)).review(), {
    authenticated: true,
    username: NAME,
  });
  for (const status of [
    { ...YES, authenticated: false },
    { ...YES, authenticated: 'true' },
    { ...YES, authenticated: 1 },
    { user: YES.user, audiences: YES.audiences },
    { ...YES, audiences: ['https://kubernetes.default.svc'] },
    { ...YES, audiences: [] },
    { ...YES, audiences: 'keystead' },
    { ...YES, audiences: undefined },
    { ...YES, user: undefined },
    { ...YES, user: { username: 7 } },
    { error: 'token is expired' },
    {},
  ]) {
    t.same(await (await scene(t, review(status))).review(), NO, JSON.stringify(status));
  }
});

t.test('an answer that is none is no answer, never a no and never a yes', async (t) => {
  const cases: [object | string, number, RegExp][] = [
    [review(YES), 401, /does not accept the token of the service itself/],
    [review(YES), 403, /does not let the service create tokenreviews/],
    [review(YES), 500, /with status 500/],
    [review(YES), 302, /with status 302/],
    [{ ...review(YES), kind: 'Status' }, 201, /with something else/],
    [{ kind: 'TokenReview' }, 201, /with something else/],
    [{ kind: 'TokenReview', status: null }, 201, /with something else/],
    ['<html>', 200, /with something else/],
    ['null', 201, /with something else/],
    [JSON.stringify('x'.repeat(1_048_576)), 201, /more than 1048576 bytes/],
  ];
  for (const [answer, status, message] of cases) {
    await t.rejects((await scene(t, answer, status)).review(), { ...AWAY, message }, String(message));
  }
});

t.test('an API server that is away, or another one, says nothing', async (t) => {
  const { server, caFile, tokenFile } = await scene(t, review(YES));
  const reviewer = (over: object) =>
    tokenReviewer(
      kubernetesApi({ url: server.url, caFile, tokenFile, timeoutMs: 5000, readFile: readSmallFile, ...over }),
    ).review('x', ['keystead']);
  await t.rejects(reviewer({ url: 'https://127.0.0.1:1' }), { ...AWAY, message: /ECONNREFUSED/ });
  await t.rejects(reviewer({ caFile: undefined }), { ...AWAY, message: /UNABLE_TO_VERIFY/ });
  await t.rejects(reviewer({ caFile: '/missing' }), { ...AWAY, message: /\/missing cannot be read \(ENOENT\)/ });
  await t.rejects(reviewer({ tokenFile: '/missing' }), { ...AWAY, message: /\/missing cannot be read/ });
  writeFileSync(tokenFile, 'a b');
  await t.rejects(reviewer({}), { ...AWAY, message: /holds no token/ });
  writeFileSync(tokenFile, 'a');
  server.answer = () => {};
  await t.rejects(reviewer({ timeoutMs: 100 }), { ...AWAY, message: /no answer within 100 ms/ });
  t.throws(() => kubernetesApi({ url: 'http://api', timeoutMs: 1, readFile: readSmallFile }), {
    name: 'KeysteadError',
    reason: 'bad-config',
  });
});
