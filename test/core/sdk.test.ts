import t from 'tap';
import { loadSdk } from '../../src/core/sdk.ts';
import { failure } from '../support/failure.ts';

t.test('an SDK that is installed is loaded', async (t) => {
  t.type((await loadSdk('node:path', () => import('node:path'))).join, 'function');
});

t.test('an SDK that is not installed is named, with the line that installs it', async (t) => {
  const name = '@keystead-test/absent';
  await t.rejects(
    loadSdk(name, () => import(name)),
    failure('sdk-not-installed', /npm install @keystead-test\/absent$/),
  );
});

t.test('an SDK that is there and fails is not taken for a missing one', async (t) => {
  const broken = new Error('broken inside');
  await t.rejects(
    loadSdk('an-sdk', () => Promise.reject(broken)),
    broken,
  );
  const within = Object.assign(new Error("Cannot find package 'another'"), { code: 'ERR_MODULE_NOT_FOUND' });
  await t.rejects(
    loadSdk('an-sdk', () => Promise.reject(within)),
    within,
  );
});
