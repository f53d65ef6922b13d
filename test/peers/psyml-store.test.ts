import { GetParametersByPathCommand, ListTagsForResourceCommand, SSMClient } from '@aws-sdk/client-ssm';
import t from 'tap';
import { REGION, unique } from '../providers/aws/aws.ts';
import { bothPrograms, FILES } from './psyml/both.ts';

// The runner's own limit still holds.
t.setTimeout(0);

t.test('what both programs save is the same in the store', { timeout: 390_000 }, async (t) => {
  const both = await bothPrograms(t);
  if (both === undefined) return;
  const { psyml, ours, at, endpoint } = both;
  const saved = ['comments, tags, several lines', 'emoji, anchors and merge keys', 'JSON'];
  const files = saved.map((what) => ({ what, text: FILES[what] as string, path: `/${unique('ps')}` }));
  const ssm = new SSMClient({ region: REGION, endpoint, credentials: CREDENTIALS });
  t.teardown(() => ssm.destroy());
  for (const { what, text, path } of files) {
    const [theirs] = await psyml([{ command: 'save', text: at(text, `${path}/theirs`) }]);
    t.equal(theirs?.error, undefined, what);
    const sealed = await ours(t, 'encrypt', at(text, `${path}/ours`));
    await ours(t, 'save', sealed);
    t.same(await storeAt(ssm, `${path}/ours`), await storeAt(ssm, `${path}/theirs`), what);
  }
  const { text, path } = files[0] as (typeof files)[number];
  await ours(t, 'nuke', at(text, `${path}/theirs`));
  t.same(await storeAt(ssm, `${path}/theirs`), []);
});

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

async function storeAt(ssm: SSMClient, path: string): Promise<object[]> {
  const found: object[] = [];
  let next: string | undefined;
  do {
    const page = await ssm.send(
      new GetParametersByPathCommand({
        Path: path,
        Recursive: true,
        WithDecryption: true,
        ...(next === undefined ? {} : { NextToken: next }),
      }),
    );
    for (const { Name = '', Type, Value, Version } of page.Parameters ?? []) {
      const tags = await ssm.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: Name }));
      const sorted = (tags.TagList ?? []).map(({ Key, Value }) => `${Key}=${Value}`).sort();
      found.push({ name: Name.slice(path.length), Type, Value, Version, tags: sorted });
    }
    next = page.NextToken;
  } while (next !== undefined);
  return found.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}
