import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { accessorDocument } from '../../src/config/accessor-document.ts';
import { failure } from '../support/failure.ts';

const vectors = join(import.meta.dirname, '..', 'vectors', 'access');
const read = (name: string, text: string) => accessorDocument(name, Buffer.from(text));
const chains = {
  multi_hop_accessors: [
    { role_session_name: 'scan', access_steps: [{ role_name: 'Hub', account_id: '011111111111' }, { role_name: 'A' }] },
  ],
  cache_creds: false,
};

t.test('the files of others are read as they are', async (t) => {
  const json = accessorDocument('accessor.json', readFileSync(join(vectors, 'accessor.json')));
  t.match(json, {
    multi_hop_accessors: [{ role_session_name: 'key-service' }, { access_steps: [{ role_name: 'path/to/KeyUser' }] }],
  });
  const toml = accessorDocument('accessor.toml', readFileSync(join(vectors, 'accessor.toml')));
  t.match(toml, { cache_creds: true, multi_hop_accessors: [{ access_steps: [{ account_id: '111111111111' }, {}] }] });
});

t.test('JSON, YAML and TOML say the same', async (t) => {
  const yaml = `
# who may
multi_hop_accessors:
  - role_session_name: scan
    access_steps:
      - role_name: Hub
        account_id: 011111111111
      - role_name: A
cache_creds: false
`;
  const toml = `
[other]
a = 1
[accessor]
cache_creds = false
[[accessor.multi_hop_accessors]]
role_session_name = "scan"
[[accessor.multi_hop_accessors.access_steps]]
role_name = "Hub"
account_id = "011111111111"
[[accessor.multi_hop_accessors.access_steps]]
role_name = "A"
`;
  t.same(read('a.json', JSON.stringify(chains)), chains);
  t.same(read('a.yaml', yaml), chains, 'a zero at the head of an account id stays');
  t.same(read('a.YML', yaml), chains);
  t.same(read('a.toml', toml), chains);
});

t.test('what is no such file is refused, and nothing of it is shown', async (t) => {
  for (const [name, text, said] of [
    ['a.json', '{"a": hush}', /is not valid JSON/],
    ['a.json', '{"a":1,"a":1}', /twice/],
    ['a.json', '', /is empty/],
    ['a.yaml', 'a: [hush', /is not valid YAML, at line 1/],
    ['a.yaml', 'a: 1\na: 2\n', /is not valid YAML, at line 2/],
    ['a.yaml', 'a: &x hush\nb: *x\n', /has an alias/],
    ['a.toml', '[accessor]\na = hush', /is not valid TOML, at line 2/],
    ['a.toml', 'multi_hop_accessors = []', /has no table \[accessor\]/],
    ['a.toml', '\ud800', /is not valid TOML/],
  ] as const) {
    t.throws(() => read(name, text), failure('bad-accessor', said), said.source);
    t.throws(() => read(name, text), { message: /^(?!.*hush)/ });
  }
  t.throws(() => accessorDocument('a.yaml', Uint8Array.of(0xff)), failure('bad-accessor', /not valid UTF-8/));
  t.throws(() => read('a.yaml', '['.repeat(100_000)), failure('bad-accessor', /not valid YAML/));
});
