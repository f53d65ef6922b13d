import t from 'tap';
import { processSuite } from '../conformance/processes.ts';
import { CLOUDS } from '../support/clouds.ts';

t.setTimeout(400_000);
processSuite(t, CLOUDS.azure);
