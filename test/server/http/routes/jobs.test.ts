import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import type { JobReport, JobRequest } from '../../../../src/data-keys/data-keys.ts';
import { AUTHORIZATION, isProblem, openApp, withToken } from '../support.ts';

const WRAP = { kms: 'kms://cluster-kms?mode=wrap' };
const JOBS = ['/v1/data-keys/-/rewrap-all', '/v1/system/verify-storage'];

async function make(app: FastifyInstance, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await app.inject({ method: 'POST', url: `/v1/data-keys/volume-${n}/get` });
}

const post = (app: FastifyInstance, url: string, payload?: object, headers = {}) =>
  app.inject({ method: 'POST', url, headers, ...(payload === undefined ? {} : { payload }) });

/** An app whose walks end as the test says. */
async function scripted(t: Test, reports: (Partial<JobReport> | Error)[]) {
  const asked: JobRequest[] = [];
  const run = async ({ from, ...request }: Omit<JobRequest, 'from'> & { from?: () => Promise<string> }) => {
    asked.push(from === undefined ? request : { ...request, from: await from() });
    const report = reports.shift();
    if (report instanceof Error) throw report;
    return { done: 1, changed: 0, failed: 0, failures: [], ...report };
  };
  const opened = await openApp(t, { services: { dataKeyJobs: { rewrapAll: run, verifyAll: run } as never } });
  return { ...opened, asked };
}

for (const url of JOBS) {
  t.test(`${url} goes over all keys, page by page`, async (t) => {
    const { app } = await openApp(t, { config: WRAP });
    await make(app, 7);
    const whole = await post(app, url);
    t.equal(whole.statusCode, 200);
    t.strictSame(whole.json(), { done: 7, changed: 0, failed: [] });
    const pages: number[] = [];
    let pageToken: string | undefined;
    do {
      const page = (await post(app, url, { pageSize: 3, pageToken })).json();
      pages.push(page.done);
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
    t.same(pages, [3, 3, 1]);
  });

  t.test(`${url} tells what failed, and where to go on`, async (t) => {
    const failures = [
      { name: 'data-keys/a.json', reason: 'record-corrupt', message: 'it is damaged', retryable: false },
      { name: 'data-keys/b.json', id: 'b', reason: 'kms-unreachable', message: 'it is away', retryable: true },
    ] as const;
    const { app, asked } = await scripted(t, [{ changed: 1, failed: 2, failures, next: 'data-keys/c\0' }, {}]);
    const first = (await post(app, url, { pageSize: 5 })).json();
    t.strictSame(first, {
      done: 1,
      changed: 1,
      failed: [
        { record: 'data-keys/a.json', reason: 'record-corrupt', detail: 'it is damaged', retryable: false },
        {
          record: 'data-keys/b.json',
          dataKeyId: 'b',
          reason: 'kms-unreachable',
          detail: 'it is away',
          retryable: true,
        },
      ],
      nextPageToken: first.nextPageToken,
    });
    t.strictSame((await post(app, url, { pageToken: first.nextPageToken })).json(), {
      done: 1,
      changed: 0,
      failed: [],
    });
    t.strictSame(asked, [{ limit: 5 }, { limit: 100, from: 'data-keys/c\0' }]);
    for (const other of [...JOBS, '/v1/data-keys']) {
      if (other === url) continue;
      const answer =
        other === '/v1/data-keys'
          ? await app.inject(`${other}?page_token=${first.nextPageToken}`)
          : await post(app, other, { pageToken: first.nextPageToken });
      isProblem(t, answer, 404, 'no-page');
    }
    t.equal(asked.length, 2, 'a token of one walk is none of another');
  });

  t.test(`${url} refuses what is no page, and who may not`, async (t) => {
    const { app } = await openApp(t, { config: WRAP });
    const wrong = [{ pageSize: 0 }, { pageSize: 1001 }, { pageSize: 1.5 }, { pageSize: '1' }, { pageToken: '' }];
    for (const payload of [...wrong, { pageToken: '*' }, { pagetoken: 'x' }, []]) {
      isProblem(t, await post(app, url, payload), 400, 'bad-request');
    }
    isProblem(t, await post(app, url, { pageToken: 'QUJD' }), 404, 'no-page');
    isProblem(t, await post((await openApp(t)).app, url), 409, 'nothing-stored');
    const guarded = (await openApp(t, { config: { ...withToken(t), ...WRAP } })).app;
    isProblem(t, await post(guarded, url), 401, 'no-credentials');
    t.not((await post(guarded, url, {}, AUTHORIZATION)).json().reason, 'no-credentials');
  });
}
