import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import t from 'tap';
import { keyAdmin, motoQuery, stubServer } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { failure } from '../support/failure.ts';
import { testCall, testServices } from '../support/services.ts';

const call = testCall();

/** Speaks as much S3 as a store needs, and ignores every condition. */
class LooseS3 {
  away = true;
  readonly #objects = new Map<string, Buffer>();

  get names(): string[] {
    return [...this.#objects.keys()];
  }

  readonly handle: RequestListener = (request, response) => {
    void request.toArray().then((chunks) => {
      const { pathname: name, searchParams } = new URL(request.url ?? '/', 'http://localhost');
      if (this.away) return void response.writeHead(503).end('<Error><Code>ServiceUnavailable</Code></Error>');
      if (request.method === 'PUT') this.#objects.set(name, Buffer.concat(chunks));
      if (searchParams.has('list-type')) return void response.end('<ListBucketResult></ListBucketResult>');
      const body = this.#objects.get(name);
      if (body === undefined) return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
      const etag = `"${createHash('md5').update(body).digest('hex')}"`;
      response.writeHead(200, { ETag: etag }).end(request.method === 'PUT' ? '' : body);
    });
  };
}

t.test('a store that was away at start and comes back without conditions gets no data key', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const s3 = new LooseS3();
  const endpoint = await stubServer(t, s3.handle);
  const uri = (scheme: string, query: Record<string, string>) => `${scheme}?${new URLSearchParams(query)}`;
  const at = motoQuery(env);
  const services = await testServices(
    t,
    {
      kms: uri('kms://aws', { ...at, keyName: (await keyAdmin(t, env).create()).id }),
      storage: uri('storage://aws', { ...at, endpoint, bucket: 'loose' }),
    },
    { secrets: { env: { TEST_ACCESS_KEY: 'test' }, readFile: () => Promise.reject(new Error('no files here')) } },
  );
  s3.away = false;
  for (const create of ['must', 'if-missing'] as const) {
    const answer = services.dataKeys.get({ id: 'a', length: 32, create }, call);
    await t.rejects(answer, failure('not-supported', /overwrites/), create);
  }
  t.same(s3.names, ['/loose/keystead-probe.json']);
});
