// A Fastify server whose sessions live in sealed cookies. Their key is in a file, as a mounted Secret is; when it changes, new
// cookies are under the new key, old ones still open, and nothing is restarted. Run it with a folder that it may write to.
import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import {
  fileSource,
  KeyManager,
  memoryKeyRing,
  RoundTripCipher,
  systemClock,
  systemRandom,
  watchKey,
} from 'keystead/key-manager';

const [folder = '.'] = process.argv.slice(2);
const path = join(folder, 'session-key');
function writeKey(): void {
  writeFileSync(`${path}.new`, randomBytes(32), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
writeKey();

const manager = new KeyManager();
const store = fileSource({ path, as: 'bytes', clock: systemClock, interval: 50 });
manager.defineKey({ name: 'session', store, useCase: 'ROUND_TRIP' });
const cipher = new RoundTripCipher({ manager, name: 'session', ring: memoryKeyRing(), random: systemRandom });

const app = fastify();
app.post('/login', async (_request, reply) => {
  const cookie = Buffer.from(await cipher.encrypt(Buffer.from('ada'), { for: 'session' })).toString('base64url');
  reply.header('set-cookie', `session=${cookie}; HttpOnly; Secure; SameSite=Strict`);
  return 'welcome';
});
app.get('/me', async (request, reply) => {
  const cookie = /(?:^|; )session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  if (cookie === undefined) return reply.code(401).send('who are you?');
  const user = await cipher.decrypt(Buffer.from(cookie, 'base64url'), { for: 'session' });
  return Buffer.from(user.expose()).toString();
});

const cookieOf = async () =>
  String((await app.inject({ method: 'POST', url: '/login' })).headers['set-cookie']).split(';')[0] ?? '';
const me = async (cookie: string) => (await app.inject({ url: '/me', headers: { cookie } })).body;
const keyOf = (cookie: string) => cipher.keyIdOf(Buffer.from(cookie.slice('session='.length), 'base64url'));

const before = await cookieOf();
const rotated = new Promise<void>((resolve) => {
  manager.registerOnChange('session', () => resolve());
});
const watch = await watchKey(manager, 'session', { failed: (error) => process.stderr.write(`${error}\n`) });
writeKey();
await rotated;
const after = await cookieOf();
process.stdout.write(`old cookie: ${await me(before)}, new cookie: ${await me(after)}\n`);
process.stdout.write(`under another key: ${keyOf(before) !== keyOf(after)}\n`);
await watch.close();
await app.close();
