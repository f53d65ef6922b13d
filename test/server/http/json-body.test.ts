import t from 'tap';
import { assertJsonType, parseJson } from '../../../src/server/http/json-body.ts';
import { failure } from '../../support/failure.ts';

t.test('a body is one strict JSON document, three levels deep and a few more', (t) => {
  const deep = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
  t.strictSame(parseJson(Buffer.from('{"a":[{"b":1}]}')), { a: [{ b: 1 }] });
  t.doesNotThrow(() => parseJson(deep(8)));
  for (const body of [deep(9), Buffer.from('{"a":1,"a":1}'), Buffer.from(''), Buffer.from([0xff])]) {
    t.throws(() => parseJson(body), failure('bad-json', /^the body /));
  }
  t.end();
});

t.test('a body must be announced as plain JSON in UTF-8', (t) => {
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
    t.doesNotThrow(() => assertJsonType({ 'content-type': type }), type);
  }
  t.doesNotThrow(() => assertJsonType({ 'content-type': 'application/json', 'content-encoding': 'identity' }));
  const refused = [
    '',
    'text/plain',
    'application/jsonx',
    'application/json; charset=latin1',
    'application/json; a=b',
    'application/ld+json',
  ];
  for (const type of refused)
    t.throws(() => assertJsonType({ 'content-type': type }), failure('unsupported-media-type'), type);
  t.throws(
    () => assertJsonType({ 'content-type': 'application/json', 'content-encoding': 'gzip' }),
    failure('unsupported-media-type'),
  );
  t.end();
});
