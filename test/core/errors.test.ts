import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CODES, KeysteadError, REASONS, type Reason } from '../../src/core/errors.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/reference/errors.md'), 'utf8');

/** The rows of docs/reference/errors.md: by status, each group in the order of the alphabet. */
function rows(): string[] {
  const errors = (Object.keys(REASONS) as Reason[]).sort().map((reason) => new KeysteadError(reason, ''));
  return errors
    .sort((a, b) => a.httpStatus - b.httpStatus)
    .map((error) => {
      const { reason, code, title, httpStatus, exitStatus, retryable } = error;
      return `| \`${reason}\` | ${title} | \`${code}\` | ${httpStatus} | ${exitStatus} | ${retryable ? 'yes' : 'no'} |`;
    });
}

t.test('the reference page has every reason, with what follows from it, and no other', async (t) => {
  t.strictSame(
    page.split('\n').filter((line) => line.startsWith('| `')),
    rows(),
  );
});

t.test('every exit status is one of those that the command line promises', async (t) => {
  const promised = [64, 65, 66, 69, 70, 73, 75, 77, 130];
  t.same(
    [...new Set(Object.values(CODES).map(({ exit }) => exit))].sort((a, b) => a - b),
    promised,
  );
});

t.test('a failure told in other words is the same failure', async (t) => {
  const error = new KeysteadError('provider-throttled', 'slow down', { retryAfter: 7 });
  const told = error.saying('app.yml: slow down');
  t.match(told, { reason: 'provider-throttled', message: 'app.yml: slow down', retryAfter: 7 });
  t.equal(told.cause, error);
  t.equal(new KeysteadError('bad-json', 'a').saying('b').retryAfter, undefined);
});
