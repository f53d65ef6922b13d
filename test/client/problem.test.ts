import t from 'tap';
import { problemError } from '../../src/client/problem.ts';
import { CODES, type Code, KeysteadError, REASONS, type Reason } from '../../src/core/errors.ts';

const document = ({ reason, code, message, title }: KeysteadError) => ({ reason, code, detail: message, title });

t.test('every reason of the error table survives the way', async (t) => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    const sent = new KeysteadError(reason, 'what happened');
    const got = problemError(sent.httpStatus, document(sent), 'http://x');
    t.same([got.reason, got.code, got.message], [sent.reason, sent.code, sent.message]);
  }
});

t.test('an unknown reason keeps its code and is told in words', async (t) => {
  for (const code of Object.keys(CODES) as Code[]) {
    const error = problemError(423, { code, reason: 'newer-reason', detail: 'the key is going' }, 'http://x');
    t.equal(error.code, code);
    t.equal(error.message, 'the key is going (newer-reason)');
  }
});

t.test('a reason that contradicts its code, or is an inherited name, is not taken', async (t) => {
  t.equal(problemError(500, { code: 'internal', reason: 'sealed' }, 'http://x').reason, 'unexpected');
  t.equal(problemError(500, { code: 'internal', reason: 'toString' }, 'http://x').reason, 'unexpected');
  t.equal(problemError(500, { code: 'toString', reason: 'sealed' }, 'http://x').reason, 'bad-answer');
});

t.test('what is no problem document is told by its status', async (t) => {
  for (const body of [undefined, null, 1, 'text', [], {}, { code: 1 }, { detail: 'x' }]) {
    t.equal(problemError(503, body, 'http://x').reason, 'server-unreachable');
    t.equal(problemError(418, body, 'http://x').reason, 'bad-answer');
  }
});

t.test('text of the service cannot break out of a line or move the cursor', async (t) => {
  const error = problemError(
    400,
    { code: 'internal', reason: 'unexpected', detail: 'a\n\u001b[2Jb\u202ec\u2028' },
    'x',
  );
  t.equal(error.message, 'a  [2Jb c ');
  t.equal(problemError(400, { code: 'internal', detail: 'x'.repeat(5000) }, 'x').message.length, 1000);
});
