import t from 'tap';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { openMasterSecret } from '../../../src/providers/cluster/master-secret.ts';
import { failure } from '../../support/failure.ts';
import { recordedSecrets } from '../../support/recorded-secrets.ts';
import rfc5869 from '../../vectors/rfc5869-sha256.json' with { type: 'json' };
import wycheproof from '../../vectors/wycheproof-hkdf-sha256.json' with { type: 'json' };

const hex = (text: string) => SecretBytes.own(Uint8Array.from(Buffer.from(text, 'hex')));
/** HMAC fills a key up with zeros to 64 bytes (RFC 2104), so a short salt and the same with zeros are one. */
const filledUp = (salt: string) => salt.padEnd(64, '0');

t.test('RFC 5869 cases 1 and 2 go through the provider, and case 3 with its empty salt is refused', async (t) => {
  const [one, two, three] = rfc5869.tests.map(({ ikm, salt, info, length, okm }) => ({
    expand: (filled: boolean) =>
      openMasterSecret(hex(ikm), hex(filled ? filledUp(salt) : salt)).expand(Buffer.from(info, 'hex'), length),
    okm,
  }));
  const shown = (key: SecretBytes | undefined) => key && Buffer.from(key.expose()).toString('hex');
  t.equal(shown(one?.expand(true)), one?.okm);
  t.throws(() => one?.expand(false), failure('bad-salt', /13 bytes/), 'its own salt is too short for us');
  t.equal(shown(two?.expand(false)), two?.okm);
  t.throws(() => three?.expand(false), failure('bad-salt', /0 bytes/));
});

t.test('every vector of Wycheproof that the provider takes gives its key; the others are refused', async (t) => {
  let taken = 0;
  for (const { tcId, ikm, salt, info, size, okm, result } of wycheproof.tests) {
    const derive = () => openMasterSecret(hex(ikm), hex(filledUp(salt))).expand(Buffer.from(info, 'hex'), size);
    if (result !== 'valid') {
      t.throws(derive, failure('bad-length'), `vector ${tcId}`);
    } else {
      taken++;
      t.equal(Buffer.from(derive().expose()).toString('hex'), okm, `vector ${tcId}`);
    }
    if (salt.length < 64) t.throws(() => openMasterSecret(hex(ikm), hex(salt)), failure('bad-salt'));
  }
  t.equal(taken, wycheproof.tests.filter(({ result }) => result === 'valid').length);
});

t.test('the pseudorandom key is wiped, and the arguments stay with the caller', async (t) => {
  const [masterSecret, salt] = [hex('07'.repeat(16)), hex('08'.repeat(32))];
  const made = recordedSecrets(t);
  openMasterSecret(masterSecret, salt);
  t.equal(made.length, 1);
  t.ok(made[0]?.disposed);
  t.notOk(masterSecret.disposed || salt.disposed);
});
