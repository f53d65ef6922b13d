import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PSYML_REGION } from '../test/support/psyml-key.ts';
import { median, type Row } from './support/measure.ts';
import { inSecretsBox } from './support/secrets-box.ts';

const ROUNDS = 15;
const TARGET = 0.25;
const ROOT = join(import.meta.dirname, '..');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const PLAIN = `path: /a
region: ${PSYML_REGION}
kmskey: alias/none
parameters:
- {name: one, description: d, type: SecureString, value: secret}
`;
/** Opens the value that it is given by the SDK alone, and prints it. Plain JavaScript: stripping types would cost, too. */
const BARE = `import { DecryptCommand, KMSClient } from '@aws-sdk/client-kms';
const EncryptionContext = { Client: 'psyml', Name: 'one' };
const CiphertextBlob = Buffer.from(process.argv[1], 'base64');
const command = new DecryptCommand({ CiphertextBlob, EncryptionContext });
process.stdout.write((await new KMSClient({ region: '${PSYML_REGION}' }).send(command)).Plaintext);`;
/** Says on descriptor 3 what CPU time a process had taken when it ended, in microseconds. */
const METER = `data:text/javascript,import{writeSync}from'node:fs';process.on('exit',()=>{const{user,system}=process.cpuUsage();writeSync(3,String(user+system))})`;

/** (t) CPU time of whole short processes that open one value, beside one that does so by the bare SDK of AWS alone: medians, in turn. */
export function benchSecretsStart(): Promise<Row[]> {
  return inSecretsBox(async ({ dir, alias, env }) => {
    const kekDir = join(dir, 'kek');
    const run = (...args: string[]) => measured(args, { ...process.env, ...env, KEYSTEAD_KEK_DIR: kekDir });
    const sealed = (name: string, ...more: string[]) => {
      const { text } = run(MAIN, 'secrets', 'encrypt', ...more, plain);
      writeFileSync(join(dir, name), text);
      return { path: join(dir, name), value: /value: '?([^\s'}]+)/.exec(text)?.[1] ?? '' };
    };
    const plain = join(dir, 'plain.yml');
    writeFileSync(plain, PLAIN);
    const same = sealed('same.yml');
    const own = sealed('own.yml', '--kek', `kms://aws?keyName=${alias}&region=${PSYML_REGION}`);
    run(MAIN, 'kek', 'generate', '--dir', kekDir);
    const cluster = sealed('cluster.yml', '--kek', 'kms://cluster-kms');
    return inTurn({
      bare: () => run('--input-type=module', '-e', BARE, same.value),
      'get, format of psyml': () => run(MAIN, 'secrets', 'get', same.path, 'one'),
      'get, own format': () => run(MAIN, 'secrets', 'get', own.path, 'one'),
      "get, own format, the cluster's KEK": () => run(MAIN, 'secrets', 'get', cluster.path, 'one'),
      'encrypt, format of psyml': () => run(MAIN, 'secrets', 'encrypt', plain),
    });
  });
}

function inTurn({
  bare,
  ...commands
}: Readonly<Record<string, () => Measured>> & { readonly bare: () => Measured }): Row[] {
  const all = Object.entries({ bare, ...commands });
  const seconds = new Map<string, number[]>(all.map(([name]) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of all) seconds.get(name)?.push(run().seconds);
  }
  const [alone = 0, ...ours] = [...seconds.values()].map(median);
  return Object.keys(commands).map((name, at) => row(name, ours[at] as number, alone));
}

interface Measured {
  readonly seconds: number;
  readonly text: string;
}

function measured(args: readonly string[], env: NodeJS.ProcessEnv): Measured {
  const stdio = ['ignore', 'pipe', 'pipe', 'pipe'] as const;
  const { status, output } = spawnSync(process.execPath, ['--import', METER, ...args], {
    cwd: ROOT,
    env,
    stdio: [...stdio],
  });
  const [, text, failure, cpu] = output.map(String);
  if (status !== 0) throw new Error(failure);
  return { seconds: Number(cpu) / 1e6, text: text as string };
}

function row(what: string, ours: number, bare: number): Row {
  return {
    what: `(t) CPU of one process: ${what}`,
    ours: `${ours.toFixed(2)} s`,
    baseline: `the bare SDK, one Decrypt ${bare.toFixed(2)} s`,
    ratio: (bare / ours).toFixed(2),
    target: `< ${TARGET} s${ours < TARGET ? '' : ' (missed)'}`,
  };
}
