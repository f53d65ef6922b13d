import t from 'tap';
import { readKeyName } from '../../../src/providers/aws/key-name.ts';
import { failure } from '../../support/failure.ts';

const arn = (region: string, rest: string) => `arn:aws:kms:${region}:111122223333:${rest}`;

t.test('every form of a name is read, and an ARN names its region', async (t) => {
  t.equal(readKeyName('1234abcd').region, undefined);
  t.equal(readKeyName('alias/a/b').region, undefined);
  t.equal(readKeyName(arn('eu-west-1', 'key/1234')).region, 'eu-west-1');
  t.equal(readKeyName(arn('eu-west-1', 'alias/a')).region, 'eu-west-1');
  t.equal(readKeyName('arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1').region, 'us-gov-west-1');
  for (const text of ['arn:aws:s3:::b', 'arn:aws:kms:eu-west-1:1:key/1', 'arn:', arn('eu-west-1', 'grant/1')]) {
    t.throws(() => readKeyName(text), failure('bad-uri'), text);
  }
});
t.test('a key opens what it wrapped, and so does its replica in another region', async (t) => {
  for (const name of ['mrk-1', arn('eu-west-1', 'key/mrk-1')]) {
    const key = readKeyName(name);
    t.equal(key.forDecrypt(arn('eu-west-1', 'key/mrk-1')), name);
    t.equal(key.forDecrypt(arn('us-east-1', 'key/mrk-1')), name);
    t.equal(key.forDecrypt(''), name, 'a record that names no version');
    for (const other of [arn('eu-west-1', 'key/mrk-12'), arn('eu-west-1', 'alias/mrk-1'), 'mrk-1', 'x']) {
      t.throws(() => key.forDecrypt(other), failure('context-mismatch'), other);
    }
  }
});
t.test('an alias opens what any key wrapped: it moves', async (t) => {
  for (const name of ['alias/a', arn('eu-west-1', 'alias/a')]) {
    const alias = readKeyName(name);
    t.equal(alias.forDecrypt(arn('eu-west-1', 'key/1')), arn('eu-west-1', 'key/1'));
    t.equal(alias.forDecrypt(''), name);
    for (const other of [arn('eu-west-1', 'alias/b'), 'alias/a', '1234']) {
      t.throws(() => alias.forDecrypt(other), failure('context-mismatch'), other);
    }
  }
});
