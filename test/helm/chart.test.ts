import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import t from 'tap';
import { valuesSchema } from '../../.ci/chart-values.ts';

const root = normalize(join(import.meta.dirname, '..', '..'));
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

t.test(
  'the schema of the values is the one that the schemas of the service make; npm run chart writes it',
  async (t) => {
    t.same(JSON.parse(read('helm/keystead/values.schema.json')), JSON.parse(JSON.stringify(valuesSchema())));
  },
);

t.test('dashboard and alerts of the chart are those of docs/operations', async (t) => {
  for (const file of ['alerts.yaml', 'dashboard.json']) {
    t.equal(read('helm/keystead/files', file), read('docs/operations', file), file);
  }
});

t.test('chart and service have one version', async (t) => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  t.match(read('helm/keystead/Chart.yaml'), new RegExp(`^version: ${version}\nappVersion: ${version}$`, 'm'));
});

t.test('no template makes key material', async (t) => {
  const { readdirSync } = await import('node:fs');
  const files = readdirSync(join(root, 'helm/keystead/templates'), { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
    .map((name) => read('helm/keystead/templates', name));
  t.ok(texts.length > 8);
  for (const text of texts)
    t.notMatch(
      text,
      /rand(Alpha|Ascii|Numeric|Bytes|Int)|gen(PrivateKey|CA|SelfSigned|Signed)|derivePassword|kind: Secret$/m,
    );
});
