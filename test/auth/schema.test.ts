import { readFileSync } from 'node:fs';
import t from 'tap';
import { authJsonSchema } from '../../src/auth/schema.ts';

t.test('the published JSON schema is what the service reads (npm run docs:config writes it)', async (t) => {
  const published = readFileSync(new URL('../../docs/reference/auth.schema.json', import.meta.url), 'utf8');
  t.equal(published, `${JSON.stringify(authJsonSchema(), null, 2)}\n`);
});

t.test('every field of the published schema is described, and stands in the reference', async (t) => {
  const page = readFileSync(new URL('../../docs/reference/authentication.md', import.meta.url), 'utf8');
  const look = (schema: Record<string, unknown>, path: string) => {
    for (const [name, field] of Object.entries(
      (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>,
    )) {
      t.match(field['description'], /^[A-Z].*[.:]$/s, `${path}.${name}`);
      t.match(page, `\`${name}\``, `${path}.${name}`);
      look(field, `${path}.${name}`);
    }
    for (const part of ['anyOf', 'items']) {
      const inner = schema[part];
      if (inner !== undefined) for (const one of [inner].flat()) look(one as Record<string, unknown>, `${path}[]`);
    }
  };
  look(authJsonSchema() as Record<string, unknown>, '');
});
