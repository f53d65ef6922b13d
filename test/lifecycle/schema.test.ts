import { readFileSync } from 'node:fs';
import t from 'tap';
import { keysJsonSchema } from '../../src/lifecycle/schema.ts';

const reference = (name: string) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

t.test('the published JSON schema is what is read (npm run docs:config writes it)', async (t) => {
  t.equal(reference('keys.schema.json'), `${JSON.stringify(keysJsonSchema(), null, 2)}\n`);
});

t.test('every field stands in the reference', async (t) => {
  const page = reference('keys.md');
  const look = (schema: Record<string, unknown>) => {
    const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>;
    for (const [name, field] of Object.entries(properties)) {
      t.ok(page.includes(`\`${name}\``) || page.includes(`.${name}\``), name);
      look(field);
    }
    for (const part of [schema['items'], ...((schema['anyOf'] ?? []) as unknown[])]) {
      if (part !== undefined) look(part as Record<string, unknown>);
    }
  };
  look(keysJsonSchema() as Record<string, unknown>);
});
