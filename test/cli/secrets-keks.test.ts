import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KEK_PLACES, placeEmulators, placeSecrets } from '../support/places.ts';
import { keystead } from './terminal.ts';

const COUNT = 1000;
const values = Array.from({ length: COUNT }, (_, n) => `value ${n} of many: ü #`);
const PLAIN = `path: /a
region: r
kmskey: k
parameters:
${values.map((value, n) => `  - {name: n/${n}, description: '', type: SecureString, value: '${value}'}`).join('\n')}
`;

t.setTimeout(400_000);

t.test(
  'a file of a thousand secrets goes under each KEK, and from one to the next',
  { timeout: 390_000 },
  async (t) => {
    const emulated = await placeEmulators(t);
    if (emulated === undefined) return;
    const env = placeSecrets.env as Record<string, string>;
    const path = join(t.testdir({ 'f.yml': PLAIN }), 'f.yml');
    const secrets = async (argv: readonly string[], kek?: string) => {
      const flags = kek === undefined ? [] : ['--kek', kek];
      const { status, stdout, stderr } = await keystead(['secrets', ...argv, ...flags], {
        env,
      });
      t.equal(status, 0, `${argv[0]}: ${stderr}`);
      return stdout;
    };
    const sealed = () => readFileSync(path, 'utf8').match(/^ .*/gm);
    const opened = async (kek: string) =>
      Object.values(JSON.parse(await secrets(['export', '--format', 'json', path], kek)));
    let before: { kek: string; values: unknown } | undefined;
    for (const [name, open] of Object.entries(KEK_PLACES)) {
      const { uri } = await open(t, emulated);
      if (before === undefined) await secrets(['encrypt', '-i', path], uri);
      else await secrets(['rotate-kek', '-i', path, '--to', uri], before.kek);
      t.same(await opened(uri), values, `${name}: every value opens`);
      if (before !== undefined) t.same(sealed(), before.values, `${name}: no value was sealed anew`);
      t.match(await secrets(['check', path], uri), 'nothing to say');
      before = { kek: uri, values: sealed() };
    }
    const last = readFileSync(path, 'utf8');
    writeFileSync(path, last.replace(/^(data_key: .{20})./m, '$1!'));
    const damaged = await keystead(['secrets', 'decrypt', path, '--kek', before?.kek ?? ''], {
      env,
    });
    t.match(damaged, { status: 1, stdout: '' });
  },
);
