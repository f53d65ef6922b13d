import t from 'tap';
import { Type } from 'typebox';
import { object } from '../../../src/server/http/schemas.ts';
import { strict } from '../../../src/server/http/strict.ts';
import { failure } from '../../support/failure.ts';

const check = strict(
  object({ length: Type.Optional(Type.Integer({ minimum: 1 })), inner: Type.Optional(object({})) }),
  'the body',
);

t.test('a value that fits is given back as it is', (t) => {
  const value = { length: 1, inner: {} };
  t.equal(check(value), value);
  t.end();
});

t.test('nothing is coerced, dropped or filled in', (t) => {
  for (const length of ['1', 1.5, null, true, [1], {}, Number.NaN, 0, -1]) {
    t.throws(() => check({ length }), failure('bad-length'), String(length));
  }
  for (const value of [null, [], 'text', 1, true, undefined]) t.throws(() => check(value), failure('bad-request'));
  t.end();
});

t.test('an unknown member is named, also a dangerous or a very long one', (t) => {
  t.throws(() => check({ lenght: 1 }), failure('bad-request', /^the body has an unknown member "lenght"$/));
  t.throws(() => check({ inner: { a: 1 } }), failure('bad-request', /^the body.inner has an unknown member "a"$/));
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.throws(() => check(JSON.parse(`{"${name}":1}`)), failure('bad-request', new RegExp(name)));
  }
  t.throws(() => check({ ['x'.repeat(100_000)]: 1 }), failure('bad-request', /^.{0,200}$/));
  t.end();
});

t.test('an explanation replaces the words of the schema', (t) => {
  const explained = strict(
    object({ salt: Type.String() }),
    'the body',
    (member, value) => `${member} is ${typeof value}`,
  );
  t.throws(() => explained({ salt: 1 }), failure('bad-salt', /^salt is number$/));
  t.end();
});
