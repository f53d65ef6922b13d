// Data that may be lost, under a data key of the key service that is never kept in memory. Run it with the address of a service.
import { createHmac } from 'node:crypto';
import { KeysteadClient } from 'keystead/client';
import { dataKeySource, KeyManager, systemClock } from 'keystead/key-manager';

const [server = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const client = new KeysteadClient({ server });
const keys = new KeyManager();
keys.defineKey({
  name: 'cache-tags',
  store: dataKeySource({ client, id: 'shop/cache-tags', clock: systemClock }),
  useCase: 'ROUND_TRIP',
  keepInCache: false,
});

const tagOf = (key: Uint8Array) => createHmac('sha256', key).update('page 1').digest('hex');
const made = tagOf((await keys.getForwardPathKey('cache-tags')).bytes());
const same = tagOf((await keys.getBackPathKey('cache-tags')).bytes()) === made;
process.stdout.write(`the tag is the same on the way back: ${same}\n`);
// The second back asks the service again: had the key been rotated, the tag would be lost, and the page made anew.
const still = tagOf((await keys.getBackPathKey('cache-tags')).bytes()) === made;
process.stdout.write(`and again, from the service: ${still}\n`);
