import t from 'tap';
import { unreadable } from '../../src/core/unreadable.ts';

const failed = (code: string) => Object.assign(new Error('system text'), { code });

t.test('a file that is missing is told from one that cannot be read, and both end with 66', async (t) => {
  for (const code of ['ENOENT', 'ENOTDIR']) {
    const cause = failed(code);
    const error = unreadable('the file a', cause);
    t.match(error, { name: 'KeysteadError', reason: 'no-file', exitStatus: 66, cause });
    t.equal(error.message, 'the file a is not there');
  }
  for (const code of ['EACCES', 'EISDIR', 'ELOOP', 'EIO', 'it is not a file']) {
    const error = unreadable('the file a', failed(code));
    t.match(error, { reason: 'cannot-read', exitStatus: 66 });
    t.equal(error.message, `the file a cannot be read (${code})`);
  }
  t.equal(unreadable('the file a', 'thrown text').message, 'the file a cannot be read (unknown error)');
});
