import t from 'tap';
import { isAwsRegion } from '../../src/core/aws-region.ts';

t.test('a region has nothing that would make its address another one', async (t) => {
  for (const text of ['eu-central-1', 'us-gov-west-1', 'a'.repeat(63)]) t.ok(isAwsRegion(text), text);
  for (const text of ['', 'a/b', 'a.b', 'eu central', 'EU-CENTRAL-1', 'a\n', 'a'.repeat(64)]) {
    t.notOk(isAwsRegion(text), JSON.stringify(text));
  }
});
