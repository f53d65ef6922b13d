import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KeysteadClient } from '../../src/client/http-client.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { type CliService, ROOT, startCli } from '../support/cli-service.ts';
import { CLOUDS } from '../support/clouds.ts';
import { openSecrets } from '../support/fake-secrets.ts';
import { LoadBalancer } from '../support/load-balancer.ts';

const REPLICAS = 3;
const CLIENTS = 16;
const IDS = 40;
/** Before audit lines, records and derivations had what they have had since; any change to those is against this one. */
const OLD_COMMIT = 'fd1148c0052a7907aed3c245a2af19273a2cd937';

t.setTimeout(400_000);

t.test(
  'replicas that share their KEK in a Secret are replaced under load without a failed call',
  { timeout: 390_000 },
  async (t) => {
    const secrets = await openSecrets(t);
    const dir = t.testdir({ ca: '', token: 'mine' });
    const env = {
      KEYSTEAD_KEK_SECRET: 'keystead/kek',
      KEYSTEAD_KUBERNETES_URL: secrets.url,
      KEYSTEAD_KUBERNETES_CA_FILE: join(dir, 'ca'),
      KEYSTEAD_KUBERNETES_TOKEN_FILE: join(dir, 'token'),
    };
    const start = () => startCli(t, SERVE, { env });
    const first = await start();
    await bootstrap(first);
    const fleet = await Fleet.of(t, [first, await start(), await start()]);
    const load = underLoad(fleet.balancer.url);
    for (let n = 0; n < REPLICAS; n++) await fleet.replace(t, start);
    t.match(await load.end(), { errors: [], changed: 0, ids: IDS });
    t.ok(
      fleet.all.every((replica) => replica.served() > 0),
      'every replica, old and new, has served',
    );
  },
);

t.test(
  'an old and a new version give the same keys side by side, while one takes the place of the other',
  { timeout: 390_000 },
  async (t) => {
    const cloud = await CLOUDS.aws(t);
    if (cloud === undefined) return;
    const old = oldSources(t);
    const args = [...SERVE, '--kms', cloud.kms, '--storage', cloud.storage()];
    const startOld = () => startCli(t, args, { root: old, env: cloud.env });
    const startNew = () => startCli(t, args, { env: cloud.env });
    const fleet = await Fleet.of(t, await Promise.all([startOld(), startOld(), startOld()]));
    const load = underLoad(fleet.balancer.url);
    for (let n = 0; n < REPLICAS; n++) await fleet.replace(t, startNew);
    // And back, as after an upgrade that was not liked.
    await fleet.replace(t, startOld);
    t.match(await load.end(), { errors: [], changed: 0, ids: IDS });
    t.ok(
      fleet.all.every((replica) => replica.served() > 0),
      'every replica, old and new, has served',
    );
  },
);

const SERVE = ['serve', '--dev', '--http-listen', '127.0.0.1:0', '--grpc-listen', 'off'];

/** Replicas behind one address. */
class Fleet {
  readonly all: CliService[] = [];
  readonly #running: CliService[] = [];
  readonly balancer: LoadBalancer;

  private constructor(balancer: LoadBalancer) {
    this.balancer = balancer;
  }

  static async of(t: Test, replicas: readonly CliService[]): Promise<Fleet> {
    const fleet = new Fleet(await LoadBalancer.open(t));
    for (const replica of replicas) await fleet.#add(replica);
    return fleet;
  }

  /** A new one, then the end of the oldest, as the chart has it: nobody is told before it ends. */
  async replace(t: Test, start: () => Promise<CliService>): Promise<void> {
    const next = await start();
    await this.#add(next);
    const before = next.served();
    const oldest = this.#running.shift();
    t.equal(await oldest?.stop(), 0, 'an orderly end');
    this.balancer.remove(oldest?.http ?? '');
    // New connections come when old ones have ended.
    while (next.served() === before) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async #add(replica: CliService): Promise<void> {
    await this.balancer.add(replica.http);
    this.all.push(replica);
    this.#running.push(replica);
  }
}

/** Clients with the retries that every client has, each asking for one key after the other. */
function underLoad(server: string) {
  const keys = new Map<string, string>();
  const errors: string[] = [];
  let changed = 0;
  let calls = 0;
  let going = true;
  const client = async (number: number) => {
    const own = new KeysteadClient({ server, timeoutMs: 60_000 });
    for (let n = number; going; n++) {
      const id = `volume-${n % IDS}`;
      try {
        const { key } = await own.getDataKey(id);
        const text = Buffer.from(key.expose()).toString('hex');
        key.dispose();
        calls++;
        if ((keys.get(id) ?? text) !== text) changed++;
        keys.set(id, text);
      } catch (error) {
        errors.push(KeysteadError.from(error).message);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  return {
    async end() {
      going = false;
      await Promise.all(clients);
      return { errors, changed, ids: keys.size, calls };
    },
  };
}

async function bootstrap({ http }: CliService): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${http}/v1/system/bootstrap`, { method: 'POST', headers, body: '{"generate":true}' });
  if (!answer.ok) throw new Error(await answer.text());
}

/** The sources of an older commit, on today's dependencies. */
function oldSources(t: Test): string {
  const root = t.testdir();
  const archive = execFileSync('git', ['-C', ROOT, 'archive', OLD_COMMIT, 'src', 'package.json'], {
    maxBuffer: 2 ** 28,
  });
  mkdirSync(root, { recursive: true });
  execFileSync('tar', ['-x', '-C', root], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}
