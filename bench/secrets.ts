import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { realPsyml, type Task } from '../test/peers/psyml/psyml.ts';
import { PSYML_REGION } from '../test/support/psyml-key.ts';
import type { Row } from './support/measure.ts';
import { inSecretsBox } from './support/secrets-box.ts';

const COUNT = 1000;
const MAIN = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');

/** (s) Secrets files of 1,000 parameters, beside psyml on the same emulator: whole processes, start included, once. */
export function benchSecrets(): Promise<Row[]> {
  return inSecretsBox(async ({ dir, alias, env, t }) => {
    const psyml = await realPsyml(t, env);
    if (psyml === undefined) return [];
    const plain = join(dir, 'plain.yml');
    writeFileSync(plain, fileOf(COUNT));
    const kek = `kms://aws?keyName=${alias}&region=${PSYML_REGION}`;
    const ours = (verb: string, file: string, ...more: string[]) => timed(['secrets', verb, ...more, file], env);
    const theirs = async (task: Task) => {
      const begin = performance.now();
      const [answer] = await psyml([task]);
      return { seconds: (performance.now() - begin) / 1000, text: answer?.text ?? '' };
    };
    const rows: Row[] = [];
    const own = ours('encrypt', plain, '--kek', kek);
    const same = ours('encrypt', plain);
    const [ownFile, sameFile] = [join(dir, 'own.yml'), join(dir, 'same.yml')];
    writeFileSync(ownFile, own.text);
    writeFileSync(sameFile, same.text);
    const encrypt = await theirs({ command: 'encrypt', text: readFileSync(plain, 'utf8') });
    rows.push(
      row('encrypt, own format', own.seconds, encrypt.seconds, 10),
      row('encrypt, format of psyml', same.seconds, encrypt.seconds, 0),
    );
    const decrypt = await theirs({ command: 'decrypt', text: encrypt.text });
    rows.push(
      row('decrypt, own format', ours('decrypt', ownFile).seconds, decrypt.seconds, 10),
      row('decrypt, format of psyml', ours('decrypt', sameFile).seconds, decrypt.seconds, 0),
    );
    return rows;
  });
}

function fileOf(count: number): string {
  const items = Array.from(
    { length: count },
    (_, n) => `- {name: p${n}, description: d, type: SecureString, value: secret ${n} x}\n`,
  );
  return `path: /a\nregion: ${PSYML_REGION}\nkmskey: alias/none\nparameters:\n${items.join('')}`;
}

function timed(argv: readonly string[], env: Readonly<Record<string, string>>): { seconds: number; text: string } {
  const begin = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(stderr.toString());
  return { seconds: (performance.now() - begin) / 1000, text: stdout.toString() };
}

function row(what: string, ours: number, theirs: number, target: number): Row {
  const ratio = theirs / ours;
  const missed = ratio < target ? ' (missed)' : '';
  return {
    what: `(s) ${COUNT} secrets, one round: ${what}`,
    ours: `${ours.toFixed(2)} s`,
    baseline: `psyml ${theirs.toFixed(2)} s`,
    ratio: ratio.toFixed(2),
    target: target === 0 ? 'one call a secret' : `≥ ${target}${missed}`,
  };
}
