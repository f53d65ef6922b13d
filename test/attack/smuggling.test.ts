import t, { type Test } from 'tap';
import { answersIn, openHouse, sendRaw } from './support/house.ts';

t.setTimeout(400_000);

/**
 * HTTP/1.1 that two readers may read in two ways: a proxy before the service as one request, the service as two. Where
 * there is any doubt the answer is one 400 and the connection ends; what was to be smuggled is never answered.
 */

const house = await openHouse(t);
const token = await house.tenant('team-a');
const HEAD = `POST /v1/data-keys/team-a%2Fd/get HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`;
const TYPE = 'Content-Type: application/json\r\n';
/** What a victim's connection would be made to answer. */
const SMUGGLED = 'GET /v1/system/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

async function oneRefusal(t: Test, bytes: string, what: string, statuses: readonly number[] = [400]): Promise<void> {
  const text = await sendRaw(house.port, bytes);
  const answers = answersIn(text);
  t.equal(answers.length, 1, `${what}: one answer`);
  t.ok(statuses.includes(answers[0]?.status ?? 0), `${what}: ${answers[0]?.status}`);
  t.notMatch(text, '"startedAt"', what);
}

const chunked = 'Transfer-Encoding: chunked\r\n';
const length = (bytes: number | string) => `Content-Length: ${bytes}\r\n`;

t.test('a body whose length is said in two ways is refused', async (t) => {
  const zero = `0\r\n\r\n${SMUGGLED}`;
  const cases: Record<string, string> = {
    'CL.TE': `${HEAD}${TYPE}${length(zero.length)}${chunked}\r\n${zero}`,
    'TE.CL': `${HEAD}${TYPE}${chunked}${length(4)}\r\n${zero}`,
    'TE.TE, the second one hidden': `${HEAD}${TYPE}${chunked}Transfer-Encoding: x\r\n\r\n${zero}`,
    'TE twice': `${HEAD}${TYPE}${chunked}${chunked}${length(3)}\r\n${zero}`,
    'TE, a space before the colon': `${HEAD}${TYPE}${length(0)}Transfer-Encoding : chunked\r\n\r\n${zero}`,
    'TE, a tab before the value and another coding': `${HEAD}${TYPE}${length(0)}Transfer-Encoding:\tx, chunked\r\n\r\n${zero}`,
    'TE that does not end in chunked': `${HEAD}${TYPE}Transfer-Encoding: chunked, identity\r\n\r\n${zero}`,
    'TE in quotes': `${HEAD}${TYPE}${length(3)}Transfer-Encoding: "chunked"\r\n\r\n${zero}`,
    'TE with a vertical tab': `${HEAD}${TYPE}${length(3)}Transfer-Encoding: \x0bchunked\r\n\r\n${zero}`,
    'TE on a folded line': `${HEAD}${TYPE}${length(3)}Transfer-Encoding:\r\n chunked\r\n\r\n${zero}`,
    'two lengths': `${HEAD}${TYPE}${length(0)}${length(SMUGGLED.length)}\r\n${SMUGGLED}`,
    'two lengths that agree': `${HEAD}${TYPE}${length(2)}${length(2)}\r\n{}${SMUGGLED}`,
    'lengths in a list': `${HEAD}${TYPE}${length('0, 2')}\r\n{}${SMUGGLED}`,
    'a length with a plus': `${HEAD}${TYPE}${length('+2')}\r\n{}${SMUGGLED}`,
    'a length below zero': `${HEAD}${TYPE}${length('-1')}\r\n${SMUGGLED}`,
    'a length in hex': `${HEAD}${TYPE}${length('0x2')}\r\n{}${SMUGGLED}`,
    'a length that overflows': `${HEAD}${TYPE}${length('18446744073709551618')}\r\n{}${SMUGGLED}`,
    'a length with a space in it': `${HEAD}${TYPE}${length('1 2')}\r\n{}${SMUGGLED}`,
    'no length': `${HEAD}${TYPE}Content-Length:\r\n\r\n${SMUGGLED}`,
    'HTTP/1.0 in chunks': `${HEAD.replace('1.1', '1.0')}${TYPE}${chunked}${length(2)}\r\n${zero}`,
  };
  for (const [what, bytes] of Object.entries(cases)) await oneRefusal(t, bytes, what);
});

t.test('chunks that can be read in two ways are refused', async (t) => {
  const body = (chunks: string) => `${HEAD}${TYPE}${chunked}\r\n${chunks}`;
  const cases: Record<string, string> = {
    'a size with a bare LF': body(`2\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'data that end in a bare LF': body(`2\r\n{}\n0\r\n\r\n${SMUGGLED}`),
    'data that are longer than they say': body(`2\r\n{}x\r\n0\r\n\r\n${SMUGGLED}`),
    'a size with 0x': body(`0x2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'a size below zero': body(`-2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'a size with a plus': body(`+2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'a size with a space before it': body(` 2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'a size that overflows': body(`10000000000000002\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'an extension with a bare LF': body(`2;x=\ny\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'an extension with a bare CR': body(`2;x=\ry\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'an extension with quotes and a line in them': body(`2;x="\r\n"\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'extensions without end': body(`2;${'x'.repeat(40_000)}\r\n{}\r\n0\r\n\r\n${SMUGGLED}`),
    'an empty size': body(`\r\n0\r\n\r\n${SMUGGLED}`),
  };
  for (const [what, bytes] of Object.entries(cases)) await oneRefusal(t, bytes, what, [400, 413]);
});

t.test('lines that end in another way are refused', async (t) => {
  const rest = `${length(0)}\r\n`;
  const cases: Record<string, string> = {
    'bare LF throughout': `${HEAD}${rest}`.replaceAll('\r\n', '\n') + SMUGGLED,
    'bare LF behind the request line': `${HEAD.replace('\r\n', '\n')}${rest}${SMUGGLED}`,
    'bare LF behind a header': `${HEAD}X: y\n${rest}${SMUGGLED}`,
    'bare LF at the end of the headers': `${HEAD}${length(0)}\n${SMUGGLED}`,
    'bare CR in a header': `${HEAD}X: y\r${SMUGGLED}\r\n${rest}`,
    'NUL in a header': `${HEAD}X: y\0z\r\n${rest}${SMUGGLED}`,
    'NUL in a name': `${HEAD}X\0: y\r\n${rest}${SMUGGLED}`,
    'a folded header': `${HEAD}X: y\r\n\tContent-Length: 5\r\n${rest}${SMUGGLED}`,
    'a first header that begins with a space': `${HEAD.replace('Host', ' Host')}${rest}${SMUGGLED}`,
    'a header without a colon': `${HEAD}Nothing\r\n${rest}${SMUGGLED}`,
    'a header without a name': `${HEAD}: y\r\n${rest}${SMUGGLED}`,
    'spaces in the request line': `${HEAD.replace(' HTTP/1.1', ' x HTTP/1.1')}${rest}${SMUGGLED}`,
    'a second version': `${HEAD.replace('HTTP/1.1', 'HTTP/1.1 HTTP/1.1')}${rest}${SMUGGLED}`,
    'another protocol': `${HEAD.replace('HTTP/1.1', 'ICE/1.1')}${rest}${SMUGGLED}`,
    'a lower-case method': `${HEAD.replace('POST', 'post')}${rest}${SMUGGLED}`,
  };
  for (const [what, bytes] of Object.entries(cases)) await oneRefusal(t, bytes, what);
});

t.test('a body that belongs to a request is no request, whatever it says and whoever reads it', async (t) => {
  const close = 'Connection: close\r\n\r\n';
  for (const [method, path] of [
    ['GET', '/livez'],
    ['GET', '/v1/data-keys/team-a%2Fd'],
    ['DELETE', '/v1/data-keys/team-a%2Fd'],
    ['POST', '/v1/data-keys/team-b%2Fd/get'],
    ['POST', '/nowhere'],
    ['OPTIONS', '*'],
  ]) {
    const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${TYPE}`;
    for (const [what, bytes] of [
      ['with a length', `${head}${length(SMUGGLED.length)}\r\n${SMUGGLED}`],
      ['in chunks', `${head}${chunked}\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`],
    ] as const) {
      const text = await sendRaw(house.port, `${bytes}GET /livez HTTP/1.1\r\nHost: localhost\r\n${close}`);
      const statuses = answersIn(text).map(({ status }) => status);
      t.notMatch(text, '"startedAt"', `${method} ${path} ${what}`);
      t.ok(statuses.length <= 2 && statuses.slice(1).every((status) => status === 200), `${path} ${what}: ${statuses}`);
    }
  }
  const trailers = `${HEAD}${TYPE}${chunked}Trailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nHost: evil\r\n\r\n`;
  const answers = answersIn(await sendRaw(house.port, `${trailers}${SMUGGLED}`));
  t.match(
    answers.map(({ status }) => status),
    [200, 200],
    'trailers are no headers',
  );
});

t.test('a pipeline is answered in order, each for its own caller', async (t) => {
  const other = await house.tenant('team-b');
  const get = (who: string, id: string) =>
    `POST /v1/data-keys/${id}/get HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${who}\r\nContent-Length: 0\r\n\r\n`;
  const none = 'POST /v1/data-keys/team-a%2Fd/get HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';
  const bytes = `${get(token, 'team-a%2Fd')}${get(other, 'team-a%2Fd')}${get(other, 'team-b%2Fd')}${none}${SMUGGLED}`;
  const answers = answersIn(await sendRaw(house.port, bytes));
  t.same(
    answers.map(({ status }) => status),
    [200, 403, 200, 401, 200],
  );
  t.match(answers[0]?.json(), { dataKeyId: 'team-a/d' });
  t.match(answers[2]?.json(), { dataKeyId: 'team-b/d' });
});
