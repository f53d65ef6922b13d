// Writes the pages that are generated from the configuration schema; test/config/reference.test.ts compares them.
import { writeFileSync } from 'node:fs';
import { configurationReference, sampleFile } from '../src/config/reference.ts';

const folder = new URL('../docs/reference/', import.meta.url);
writeFileSync(new URL('configuration.md', folder), configurationReference());
writeFileSync(new URL('keystead.yaml', folder), sampleFile());
