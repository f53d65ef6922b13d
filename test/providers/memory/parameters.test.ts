import t from 'tap';
import { memoryParameters } from '../../../src/providers/memory/parameters.ts';
import { parametersSuite } from '../../conformance/parameters.ts';

parametersSuite(t, async (t) => {
  const store = memoryParameters();
  t.teardown(() => store.close());
  return { store, path: '/a/' };
});
