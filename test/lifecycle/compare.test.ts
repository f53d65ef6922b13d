import fc from 'fast-check';
import t from 'tap';
import { samePolicy } from '../../src/lifecycle/compare.ts';

t.test('policies are compared by what they mean', async (t) => {
  const one = '{"Version":"1","Statement":[{"Action":["kms:A","kms:B"],"Effect":"Allow"}]}';
  t.ok(samePolicy(one, ' {"Statement": [{"Effect": "Allow", "Action": ["kms:B", "kms:A"]}], "Version": "1"}'));
  t.ok(samePolicy('{"Action":"kms:*"}', '{"Action":["kms:*"]}'));
  t.notOk(samePolicy(one, one.replace('Allow', 'Deny')));
  t.notOk(samePolicy(one, undefined));
  t.notOk(samePolicy('{"a":[1,2]}', '{"a":[1,2,3]}'));
  t.ok(samePolicy('no JSON', 'no JSON'));
  t.notOk(samePolicy('no JSON', one));
});

t.test('spaces never count', async () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => samePolicy(JSON.stringify(value), JSON.stringify(value, null, 3))));
});
