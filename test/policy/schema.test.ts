import { readFileSync } from 'node:fs';
import t from 'tap';
import { ACTIONS } from '../../src/core/policy.ts';
import { policyJsonSchema } from '../../src/policy/schema.ts';

const reference = (name: string) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

t.test('the published JSON schema is what the service reads (npm run docs:config writes it)', async (t) => {
  t.equal(reference('policy.schema.json'), `${JSON.stringify(policyJsonSchema(), null, 2)}\n`);
});

t.test('every field and every action stands in the reference', async (t) => {
  const page = reference('policy.md');
  for (const action of ACTIONS) t.ok(page.includes(`\`${action}\``), action);
  const look = (schema: Record<string, unknown>) => {
    for (const [name, field] of Object.entries(
      (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>,
    )) {
      t.ok(page.includes(`\`${name}\``), name);
      look(field);
    }
    if (schema['items'] !== undefined) look(schema['items'] as Record<string, unknown>);
  };
  look(policyJsonSchema() as Record<string, unknown>);
});
