import t from 'tap';
import { openapiDocument } from '../../../../src/server/http/openapi.ts';
import { openApp } from '../support.ts';

t.test('requests are counted by route and status, never by id', async (t) => {
  const { app } = await openApp(t);
  await app.inject({ method: 'POST', url: '/v1/data-keys/zebra-volume/get' });
  await app.inject({ method: 'POST', url: '/v1/data-keys/zebra-volume/get?length=0' });
  await app.inject('/zebra-path');
  await app.inject('/%ff-zebra');
  const answer = await app.inject('/metrics');
  t.equal(answer.statusCode, 200);
  t.match(answer.headers['content-type'], /^text\/plain/);
  const counts = answer.payload
    .split('\n')
    .filter((line) => line.startsWith('keystead_request_duration_seconds_count'));
  const count = (route: string, outcome: number) =>
    counts
      .filter((line) => line.includes(`route="${route}"`) && line.includes(`outcome="${outcome}"`))
      .map((line) => line.split(' ').at(-1));
  t.strictSame(count('/v1/data-keys/:id/get', 200), ['1']);
  t.strictSame(count('/v1/data-keys/:id/get', 400), ['1']);
  t.strictSame(count('none', 404), ['1']);
  t.strictSame(count('none', 400), ['1']);
  t.notMatch(answer.payload, 'zebra');
});

t.test('the document is served as it is kept', async (t) => {
  const { app } = await openApp(t);
  const answer = await app.inject('/openapi.json');
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['content-type'], 'application/json');
  t.strictSame(answer.json(), await openapiDocument());
  t.strictSame((await app.inject('/openapi.json')).json(), answer.json(), 'and once more');
});
