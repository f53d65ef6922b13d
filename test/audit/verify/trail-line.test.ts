import t from 'tap';
import { readTrailLine } from '../../../src/audit/verify/trail-line.ts';
import { TrailText } from '../support/trail-text.ts';

const [, line = ''] = new TrailText('a').gets(1).lines;
const read = (text: string) => readTrailLine(Buffer.from(text.trimEnd()));

t.test('a line of a chain is read, and is sound when nobody touched it', async (t) => {
  t.match(read(line), { chain: 'a'.repeat(32), seq: 2, sound: true });
  t.match(read(line.replace('disk/0', 'disk/1')), { seq: 2, sound: false });
});

t.test('a line of version 1 has no chain; one that has, and says it is of version 1, was changed', async (t) => {
  t.equal(read('{"audit":1,"time":"2029-01-01T00:00:00.000Z","action":"data-key.get"}'), 'unchained');
  t.equal(read(line.replace('"audit":2', '"audit":1')), 'unreadable');
});
