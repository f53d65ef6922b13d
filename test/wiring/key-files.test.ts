import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { withoutComments } from '../../src/wiring/json-comments.ts';
import { parseKeys, readKeyFiles } from '../../src/wiring/key-files.ts';
import { failure } from '../support/failure.ts';

const parse = (text: string, file = 'keys.yaml') => parseKeys(Buffer.from(text), file);
const particle = (over: object = {}, resource: object = {}, custom: object = {}) =>
  JSON.stringify({
    pcf_name: 'one',
    flavor: 'KMS_Key',
    ...over,
    aws_resource: { ...resource, custom_config: { key_name: 'app', ...custom } },
  });

t.test('a file that pcf reads is read as it stands', async (t) => {
  const [shop, old, ...more] = parseKeys(
    readFileSync(new URL('../vectors/lifecycle/pcf.json', import.meta.url)),
    'pcf.json',
  );
  t.same(more, []);
  t.match(shop, {
    id: 'kms_key:shop-key',
    name: 'alias/shop/data',
    wanted: 'running',
    uri: { provider: 'aws', region: 'eu-central-1' },
    spec: { description: "encrypts the shop's data", tags: { team: 'web' }, policy: /^\{/ },
    deletionDays: 30,
    parents: [],
  });
  t.match(old, { id: 'kms_key:old-key', wanted: undefined, parents: ['kms_key:shop-key'] });
});

t.test('every field of a particle is read', async (t) => {
  const [read] = parse(
    particle(
      { desired_state: 'State.stopped', persist_on_terminate: true, persist_on_update: true },
      {
        Description: '',
        Tags: [
          { TagKey: 'a', TagValue: true },
          { TagKey: 'b', TagValue: 1.5 },
        ],
        BypassPolicyLockoutSafetyCheck: false,
        CustomKeyStoreId: 'cks-1',
        KeySpec: 'SYMMETRIC_DEFAULT',
        KeyUsage: 'ENCRYPT_DECRYPT',
        Origin: 'AWS_KMS',
        MultiRegion: true,
        pending_window_days: 7,
      },
      { rotation: true },
    ),
  );
  t.match(read, {
    wanted: 'stopped',
    keepsOnTermination: true,
    keepsOnUpdate: true,
    deletionDays: 7,
    spec: {
      description: '',
      tags: { a: 'true', b: '1.5' },
      bypassPolicyLockoutSafetyCheck: false,
      customKeyStoreId: 'cks-1',
      spec: 'SYMMETRIC_DEFAULT',
      usage: 'ENCRYPT_DECRYPT',
      origin: 'AWS_KMS',
      multiRegion: true,
      rotationDays: 365,
    },
  });
});

t.test('children are parents the other way round', async (t) => {
  const [parent, child] = parse(
    `[${particle({ pcf_name: 'p', children: ['kms_key:c'] }, {}, { key_name: 'p' })},${particle({ pcf_name: 'c' }, {}, { key_name: 'c' })}]`,
  );
  t.same([parent?.parents, child?.parents], [[], ['kms_key:p']]);
  const [missing] = parse(particle({ children: ['kms_key:nobody'] }));
  t.same(missing?.parents, ['kms_key:nobody'], 'where it is refused');
});

t.test('a bad particle is refused, field by field', async (t) => {
  for (const [text, message] of [
    [particle({ colour: 1 }), /colour is not a known name/],
    [particle({}, { Descripton: 'x' }), /aws_resource\.Descripton is not a known name; did you mean Description\?/],
    [particle({ flavor: 's3_bucket' }), /flavor must be kms_key/],
    [particle({ desired_state: 'asleep' }), /desired_state must be one of/],
    [particle({}, {}, { key_name: '' }), /key_name must be 1 to 250/],
    [particle({}, {}, { key_name: 'aws/ebs' }), /key_name/],
    [particle({}, {}, { key_name: 'a b' }), /key_name/],
    [particle({}, {}, { key_name: 'a'.repeat(251) }), /key_name/],
    [particle({}, { Policy: '{' }), /Policy must be the text of a JSON object/],
    [particle({}, { Description: '$lookup$x$y' }), /Description must not be a lookup/],
    [particle({}, { Description: '$inherit$x' }), /must be \$inherit\$kms_key:PARENT\$FIELD/],
    [particle({}, { pending_window_days: 6 }), /whole number from 7 to 30/],
    [particle({ rotation: true }, { rotation: 90 }), /rotation is given in several places/],
    [
      particle(
        {},
        {
          Tags: [
            { TagKey: 'a', TagValue: '1' },
            { TagKey: 'a', TagValue: '2' },
          ],
        },
      ),
      /twice/,
    ],
    [particle({}, { Tags: [{ TagKey: 'aws:x', TagValue: '1' }] }), /which others set/],
    ['{"pcf_name":"one","flavor":"kms_key","aws_resource":{"custom_config":{}}}', /must have key_name/],
  ] as const) {
    t.throws(() => parse(text), failure('bad-declaration', message), message.source);
  }
  t.throws(() => parse(particle({ colour: 1, size: 2 })), failure('bad-declaration', /2 problems/));
});

t.test('keys of every provider are declared, and get what is said', async (t) => {
  const text = `
- key: kms://aws?region=eu-central-1&keyName=alias/a
  tags: {team: web, prod: true, floor: 3}
  rotationDays: 180
  dependsOn: [kek]
- key: kms://gcp?projectID=p&location=global&keyRing=r&keyName=kek
  state: stopped
  deletionDays: 7
`;
  t.match(parse(text), [
    {
      id: 'alias/a',
      wanted: 'running',
      spec: { tags: { team: 'web', prod: 'true', floor: '3' }, rotationDays: 180 },
      deletionDays: 30,
      parents: ['kek'],
    },
    { id: 'kek', wanted: 'stopped', deletionDays: 7, spec: { deletionDays: 7 } },
  ]);
});

t.test('a bad key is refused, with its line', async (t) => {
  for (const [text, message] of [
    ['key: kms://aws?keyName=alias/a\ncolour: red\n', /line 2: colour is not a known name/],
    ['key: kms://aws?keyName=1234\n', /line 1: key must have keyName=alias\/NAME/],
    ['key: kms://aws?keyName=alias/aws/ebs\n', /key must have keyName/],
    ['key: kms://cluster-kms\n', /must be the key of a cloud KMS/],
    ['key: kms://aws?region=x\n', /key is not valid: kms:\/\/aws: keyName is missing/],
    ['key: kms://aws?keyName=alias/a\npolicy: nonsense\n', /line 2: policy must be the text of a JSON object/],
    ['key: kms://aws?keyName=alias/a\ntags: {"keystead:name": x}\n', /which others set/],
    ['state: running\n', /must have key/],
    ['', /must not be empty/],
  ] as const) {
    t.throws(() => parse(text), failure('bad-declaration', message), message.source);
  }
});

t.test('JSON may have comments, and strings keep what looks like one', async (t) => {
  const text =
    '{ // one\n "key": "kms://aws?keyName=alias/a", /* two\n three */ "description": "# // \\" /* x */" } # end';
  t.match(parse(text, 'keys.json'), [{ spec: { description: '# // " /* x */' } }]);
  const kept = '{"a": 1}';
  t.equal(Buffer.from(withoutComments(Buffer.from(kept))).toString(), kept);
  t.equal(Buffer.from(withoutComments(Buffer.from('1 /* open'))).toString(), '1 /* open');
});

t.test('keys of one name in several places are told apart, and the same one twice is not', async (t) => {
  const file = join(t.testdir({}), 'keys.yaml');
  const ids = async (...queries: string[]) => {
    writeFileSync(file, queries.map((query) => `- key: kms://aws?${query}keyName=alias/a\n`).join(''));
    return (await readKeyFiles([file])).map(({ id }) => id);
  };
  t.same(await ids('region=eu-west-1&'), ['alias/a']);
  const west = 'kms://aws?region=eu-west-1&keyName=alias/a';
  t.same(await ids('region=eu-west-1&', 'region=us-east-1&accessKeyID=A&accessKey=hush&'), [
    west,
    'kms://aws?region=us-east-1&keyName=alias/a',
  ]);
  t.same(await ids('region=eu-west-1&', 'region=eu-west-1&endpoint=http://127.0.0.1:1&'), [west, west]);
});

t.test('files are read by their ending, and what is missing is told', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'keystead-keys-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'a.json'), particle());
  writeFileSync(join(dir, 'b.yml'), 'key: kms://aws?keyName=alias/b\n');
  const read = await readKeyFiles([join(dir, 'a.json'), join(dir, 'b.yml')]);
  t.same(
    read.map(({ name }) => name),
    ['alias/app', 'alias/b'],
  );
  await t.rejects(readKeyFiles([join(dir, 'a.txt')]), failure('bad-declaration', /ends with/));
  await t.rejects(readKeyFiles([join(dir, 'c.json')]), failure('no-file'));
});
