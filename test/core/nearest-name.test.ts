import t from 'tap';
import { nearestName } from '../../src/core/nearest-name.ts';

t.test('the nearest known name is found, whatever its case', async (t) => {
  const known = ['region', 'keyName', 'keyRing'];
  for (const [name, near] of [
    ['regoin', 'region'],
    ['REGION', 'region'],
    ['keyname', 'keyName'],
    ['keyRng', 'keyRing'],
    ['region', 'region'],
  ] as const) {
    t.equal(nearestName(name, known), near, name);
  }
});

t.test('a name that is like none gets no suggestion', async (t) => {
  for (const name of ['', 'colour', 'xyz', 'regionregionregion'])
    t.equal(nearestName(name, ['region']), undefined, name);
  t.equal(nearestName('region', []), undefined);
});
