import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { framed, rawCall, rawSession } from '../server/grpc/support/raw-client.ts';
import { callHeaders, END_HEADERS, frame, literal, PREFACE, TYPE } from '../support/http2-frames.ts';
import { openHouse } from './support/house.ts';

t.setTimeout(400_000);

/**
 * Floods of HTTP/2 frames that cost their sender little: each attacker's connection is ended, others are served meanwhile,
 * and memory is no more than before, give or take what one connection may hold.
 */

const house = await openHouse(t);
const token = await house.tenant('team-a');

/** Bytes that an attacker sends at most; more than any of the limits takes. */
const MOST = 8 * 1024 * 1024;
/** Megabytes that the service may have more after an attack: garbage that is not collected yet is among them. */
const MORE = 120;
function setting(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id, 0);
  payload.writeUInt32BE(value, 2);
  return payload;
}

function residentMegabytes(): number {
  const status = readFileSync(`/proc/${house.service.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Sends until the server ends the connection, or it has sent too much. Tells whether it was ended, and why. */
async function flood(next: (n: number) => Buffer, beginning: readonly Buffer[] = [], patienceMs = 10_000) {
  const socket: Socket = connect(house.grpcPort, '127.0.0.1');
  let received = Buffer.alloc(0);
  let ended = false;
  const over = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      if (received.length < 1024 * 1024) received = Buffer.concat([received, chunk]);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      ended = true;
      resolve();
    });
  });
  await once(socket, 'connect');
  socket.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0), ...beginning]));
  let sent = 0;
  for (let n = 0; !ended && sent < MOST; n++) {
    const bytes = next(n);
    sent += bytes.length;
    if (!socket.write(bytes)) await Promise.race([once(socket, 'drain').catch(() => {}), over]);
    if (n % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  // All is sent; whoever serves may still be reading.
  const patience = new Promise<void>((resolve) => setTimeout(resolve, patienceMs));
  await Promise.race([over, patience]);
  const result = { ended, sent, goaway: goawayIn(received) };
  socket.destroy();
  return result;
}

/** The error code of the last GOAWAY. */
function goawayIn(bytes: Buffer): number | undefined {
  let code: number | undefined;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === 7 && at + 17 <= bytes.length) code = bytes.readUInt32BE(at + 13);
  }
  return code;
}

async function isServed(t: Test, what: string): Promise<void> {
  t.equal((await house.grpc('team-a/disk', token)).status, 0, `${what}: others are served`, {
    log: house.service.stderr.slice(-2000),
  });
}

/** One attack, with somebody else asking meanwhile. */
async function ends(
  t: Test,
  what: string,
  next: (n: number) => Buffer,
  beginning: readonly Buffer[] = [],
): Promise<void> {
  const before = residentMegabytes();
  const attack = flood(next, beginning);
  await isServed(t, `${what}, meanwhile`);
  const { ended, sent, goaway } = await attack;
  t.ok(ended, `${what}: the connection was ended after ${sent} bytes (${goaway})`);
  t.ok(sent < MOST, `${what}: before all of it was sent`);
  await isServed(t, `${what}, behind it`);
  const more = residentMegabytes() - before;
  t.ok(more < MORE, `${what}: ${more.toFixed(0)} MB more`);
}

const stream = (n: number) => 2 * n + 1;

t.test('rapid reset (CVE-2023-44487) ends its connection', async (t) => {
  const open = (n: number) => frame(TYPE.headers, END_HEADERS, stream(n), callHeaders());
  await ends(t, 'HEADERS and RST_STREAM', (n) =>
    Buffer.concat([open(n), frame(TYPE.reset, 0, stream(n), Buffer.of(0, 0, 0, 8))]),
  );
  // The server resets them itself: a window that overflows, a length that is wrong, a message that depends on itself.
  const grow = Buffer.from([0x7f, 0xff, 0xff, 0xff]);
  for (let time = 0; time < 4; time++) {
    await ends(t, 'a reset that is provoked (MadeYouReset)', (n) =>
      Buffer.concat([open(n), frame(TYPE.window, 0, stream(n), grow)]),
    );
  }
});

t.test('headers without end (CONTINUATION, CVE-2024-27983 and its kin) end their connection', async (t) => {
  const rest = frame(TYPE.continuation, 0, 1, literal('x', 'y'.repeat(1000)));
  const head = [frame(TYPE.headers, 0, 1, callHeaders())];
  await ends(t, 'CONTINUATION', () => rest, head);
  await ends(t, 'empty CONTINUATION', () => frame(TYPE.continuation, 0, 1), head);
});

t.test('SETTINGS, PING and frames of nothing end their connection', async (t) => {
  await ends(t, 'SETTINGS', (n) => frame(TYPE.settings, 0, 0, setting(4, 65_535 + (n % 100))));
  await ends(t, 'empty SETTINGS', () => frame(TYPE.settings, 0, 0));
  await ends(t, 'PING', () => frame(TYPE.ping, 0, 0, Buffer.alloc(8)));
  const open = frame(
    TYPE.headers,
    END_HEADERS,
    1,
    callHeaders('/kms.API/GetDataKey', [['authorization', `Bearer ${token}`]]),
  );
  await ends(t, 'empty DATA (CVE-2019-9518)', () => frame(TYPE.data, 0, 1), [open]);
  await ends(t, 'empty HEADERS', (n) => frame(TYPE.headers, END_HEADERS, stream(n)));
  await ends(t, 'a table of another size each time', (n) => frame(TYPE.settings, 0, 0, setting(1, n % 2 ? 0 : 4096)));
});

t.test('what is no HTTP/2 ends its connection at once', async (t) => {
  const cases: Record<string, Buffer> = {
    'a frame that is too long': frame(TYPE.data, 0, 1, Buffer.alloc(20_000)),
    'DATA of no stream': frame(TYPE.data, 0, 0, Buffer.alloc(1)),
    'DATA of a stream that never began': frame(TYPE.data, 0, 9, Buffer.alloc(1)),
    'a stream of the server': frame(TYPE.headers, END_HEADERS, 2, callHeaders()),
    'CONTINUATION of nothing': frame(TYPE.continuation, END_HEADERS, 1, callHeaders()),
    'SETTINGS that are cut': frame(TYPE.settings, 0, 0, Buffer.alloc(5)),
    'PING of a stream': frame(TYPE.ping, 0, 1, Buffer.alloc(8)),
    'a window of nothing': frame(TYPE.window, 0, 0, Buffer.alloc(4)),
    'headers that cannot be read': frame(TYPE.headers, END_HEADERS, 1, Buffer.alloc(50, 0xff)),
    'a push': frame(5, END_HEADERS, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), callHeaders()])),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    const { ended } = await flood((n) => (n === 0 ? bytes : frame(TYPE.priority, 0, 1, Buffer.alloc(5))));
    t.ok(ended, what);
  }
  await isServed(t, 'all of it');
});

t.test('frames that cost nothing are read, and nobody waits for it', async (t) => {
  const priority = frame(TYPE.priority, 0, 1, Buffer.of(0, 0, 0, 3, 16));
  const unknown = frame(0xbb, 0, 0, Buffer.alloc(100));
  const window = frame(TYPE.window, 0, 0, Buffer.of(0, 0, 0, 1));
  const filling = Buffer.concat(Array.from({ length: 15 }, () => literal('x', 'y'.repeat(1000))));
  const large = (n: number) => frame(TYPE.headers, END_HEADERS, stream(n), Buffer.concat([callHeaders(), filling]));
  const floods = { priority: () => priority, unknown: () => unknown, window: () => window, 'large headers': large };
  for (const [what, next] of Object.entries(floods)) {
    const before = residentMegabytes();
    const attack = flood(next, [], 0);
    for (let n = 0; n < 5; n++) await isServed(t, what);
    await attack;
    t.ok(residentMegabytes() - before < MORE, `${what}: ${(residentMegabytes() - before).toFixed(0)} MB more`);
  }
});

t.test('a window that never opens holds no more calls than a session may have', async (t) => {
  const before = residentMegabytes();
  const shut = frame(TYPE.settings, 0, 0, setting(4, 0));
  const health = '/grpc.health.v1.Health/Check';
  const ask = (n: number) =>
    Buffer.concat([
      frame(TYPE.headers, END_HEADERS, stream(n), callHeaders(health)),
      frame(TYPE.data, 1, stream(n), Buffer.alloc(5)),
    ]);
  await Promise.all(Array.from({ length: 5 }, () => flood((n) => (n < 2000 ? ask(n) : Buffer.alloc(MOST)), [shut], 0)));
  await isServed(t, 'shut windows');
  t.ok(residentMegabytes() - before < MORE, `${(residentMegabytes() - before).toFixed(0)} MB more`);
});

t.test('watches without credentials are bounded, and a check answers beside them', async (t) => {
  const body = framed(new Uint8Array());
  const sessions = Array.from({ length: 6 }, () => rawSession(t, house.grpcPort));
  const refused: Promise<number | undefined>[] = [];
  for (const session of sessions) {
    for (let n = 0; n < 199; n++)
      refused.push(rawCall(session, '/grpc.health.v1.Health/Watch', body).then((answer) => answer.status));
  }
  t.equal(await Promise.race(refused), 8, 'those beyond a thousand');
  const { status } = await rawCall(rawSession(t, house.grpcPort), '/grpc.health.v1.Health/Check', body);
  t.equal(status, 0);
  await isServed(t, 'a thousand watches');
});
