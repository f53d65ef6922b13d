import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import t, { type Test } from 'tap';
import { MAX_WRITE, streamPlace } from '../../src/audit/stream-place.ts';

const LINES = 'a line\n'.repeat(5000);

t.test('a file gets what it takes in few pieces, whole and in order', async (t) => {
  const { stream, path } = outputFile(t);
  const place = streamPlace(stream);
  t.ok(place.maxBatch > MAX_WRITE);
  await place.append(LINES);
  await place.append('the last one\n');
  t.equal(readFileSync(path, 'utf8'), `${LINES}the last one\n`);
});

t.test('a file that takes a part goes on with the rest', async (t) => {
  const { stream, path } = outputFile(t);
  const inParts = (fd: number, bytes: Buffer, from: number) =>
    writeSync(fd, bytes, from, Math.min(100, bytes.length - from));
  await streamPlace(stream, 'stdout', inParts).append(LINES);
  t.equal(readFileSync(path, 'utf8'), LINES);
});

t.test('lines that a full disk has cut short are not taken for written, then nor ever after', async (t) => {
  const { stream } = outputFile(t);
  let room = 1000;
  const full = (fd: number, bytes: Buffer, from: number) => {
    if (room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const taken = writeSync(fd, bytes, from, Math.min(room, bytes.length - from));
    room -= taken;
    return taken;
  };
  const place = streamPlace(stream, 'stdout', full);
  await t.rejects(place.append(LINES), { code: 'ENOSPC' });
  room = 1000;
  await t.rejects(place.append('one more\n'), { code: 'ENOSPC' }, 'it would stand behind half a line');
});

t.test('what is no file gets no more at once than a pipe takes in one piece', async (t) => {
  const stream = new PassThrough();
  const place = streamPlace(stream);
  t.equal(place.maxBatch, MAX_WRITE);
  await place.append('a line\n');
  t.equal(String(stream.read()), 'a line\n');
  stream.destroy(new Error('its reader went away'));
  await t.rejects(place.append('one more\n'));
});

/** A file as a process has it behind its standard output. */
function outputFile(t: Test): { readonly stream: Writable & { readonly fd: number }; readonly path: string } {
  const path = join(t.testdir(), 'output');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
  return { stream: Object.assign(new PassThrough(), { fd }), path };
}
