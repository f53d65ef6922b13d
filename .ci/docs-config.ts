// Writes the pages that are generated from schemas; test/config/reference.test.ts and test/{auth,policy,lifecycle}/schema.test.ts compare them.
import { writeFileSync } from 'node:fs';
import { authJsonSchema } from '../src/auth/schema.ts';
import { accessJsonSchema } from '../src/config/access-schema.ts';
import { configurationReference, sampleFile } from '../src/config/reference.ts';
import { keysJsonSchema } from '../src/lifecycle/schema.ts';
import { policyJsonSchema } from '../src/policy/schema.ts';

const folder = new URL('../docs/reference/', import.meta.url);
writeFileSync(new URL('configuration.md', folder), configurationReference());
writeFileSync(new URL('keystead.yaml', folder), sampleFile());
writeFileSync(new URL('auth.schema.json', folder), `${JSON.stringify(authJsonSchema(), null, 2)}\n`);
writeFileSync(new URL('policy.schema.json', folder), `${JSON.stringify(policyJsonSchema(), null, 2)}\n`);
writeFileSync(new URL('access.schema.json', folder), `${JSON.stringify(accessJsonSchema(), null, 2)}\n`);
writeFileSync(new URL('keys.schema.json', folder), `${JSON.stringify(keysJsonSchema(), null, 2)}\n`);
