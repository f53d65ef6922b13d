import t from 'tap';
import { chooseType } from '../../../src/server/http/accept.ts';
import { failure } from '../../support/failure.ts';

const JSON_TYPE = 'application/json';
const RAW = 'application/octet-stream';

const CHOICES: [string | undefined, string][] = [
  [undefined, JSON_TYPE],
  ['', JSON_TYPE],
  ['*/*', JSON_TYPE],
  ['application/*', JSON_TYPE],
  ['application/json', JSON_TYPE],
  ['APPLICATION/JSON', JSON_TYPE],
  ['application/json; charset=utf-8', JSON_TYPE],
  ['application/octet-stream', RAW],
  ['application/octet-stream, */*', RAW],
  ['*/*, application/octet-stream', RAW],
  ['application/json, application/octet-stream', JSON_TYPE],
  ['application/octet-stream, application/json', JSON_TYPE],
  ['application/json;q=0.5, application/octet-stream;q=0.9', RAW],
  ['application/json;q=0.5, */*;q=0.9', RAW],
  ['application/octet-stream;q=0, */*', JSON_TYPE],
  ['application/json;q=0, */*', RAW],
  ['text/html, application/xhtml+xml, */*;q=0.8', JSON_TYPE],
  ['application/octet-stream;q=1.000, application/json;q=0.999', RAW],
];

t.test('the type that the caller likes best is chosen', (t) => {
  for (const [accept, type] of CHOICES) t.equal(chooseType(accept, [JSON_TYPE, RAW]), type, accept ?? 'no Accept');
  t.end();
});

t.test('a caller who likes none of the types is refused', (t) => {
  for (const accept of [
    'text/html',
    'application/json;q=0',
    '*/*;q=0',
    'application/json;q=2',
    'application/json;q=x',
    ',',
    'json',
  ]) {
    t.throws(() => chooseType(accept, [JSON_TYPE]), failure('not-acceptable'), accept);
  }
  t.end();
});
