import t from 'tap';
import { processSuite } from '../conformance/processes.ts';
import { CLOUDS } from '../support/clouds.ts';

t.setTimeout(120_000);
processSuite(t, CLOUDS.azure);
