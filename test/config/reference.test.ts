import { readFileSync } from 'node:fs';
import t from 'tap';
import { resolveConfig } from '../../src/config/load.ts';
import { configurationReference, sampleFile } from '../../src/config/reference.ts';
import { SETTINGS } from '../../src/config/settings.ts';

const page = (name: string) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');
const load = (text: string) =>
  resolveConfig({ flags: { config: 'sample' }, env: {}, readFile: () => Buffer.from(text) });

t.test(
  'the reference page and the sample file are what the schema says (npm run docs:config writes them)',
  async (t) => {
    t.equal(page('configuration.md'), configurationReference());
    t.equal(page('keystead.yaml'), sampleFile());
  },
);

t.test('the sample file loads and changes nothing', async (t) => {
  const defaults = resolveConfig({ flags: {}, env: {}, readFile: () => new Uint8Array() });
  t.same(load(sampleFile()).config, defaults.config);
});

t.test('the sample file loads with every comment made a setting', async (t) => {
  const uncommented = sampleFile().replace(/^( *)# (\w+: \S+)$/gm, '$1$2');
  const given = load(uncommented).values.filter(({ source }) => source.kind === 'file');
  t.equal(given.length, SETTINGS.length);
});

t.test('every setting has a description, and one without a default has an example', async (t) => {
  for (const { key, schema } of SETTINGS) {
    t.match(schema.description, /^[A-Z].*\.$/, key);
    t.ok(schema.default !== undefined || schema.examples !== undefined, key);
  }
});
