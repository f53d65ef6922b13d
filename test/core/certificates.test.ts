import t from 'tap';
import { certificatesIn } from '../../src/core/certificates.ts';
import { authority } from '../support/certificates.ts';

const [one, two] = [authority('one'), authority('two')];
const subjects = (pem: string) => certificatesIn(Buffer.from(pem)).map(({ subject }) => subject);

t.test('all certificates of a file are found, whatever else is in it', async (t) => {
  t.same(subjects(one.cert), ['CN=one']);
  t.same(subjects(`# ours\r\n${one.cert.replaceAll('\n', '\r\n')}${one.key}# -----\n${two.cert.trimEnd()}`), [
    'CN=one',
    'CN=two',
  ]);
});

t.test('what is no certificate, and a file that is cut short, is refused as a whole', async (t) => {
  for (const none of ['', 'text', one.key]) t.throws(() => subjects(none), { message: /no certificate/ });
  const both = `${one.cert}${two.cert.trimEnd()}`;
  for (let length = one.cert.length + '-----BEGIN'.length; length < both.length; length++) {
    t.throws(() => subjects(both.slice(0, length)), { message: /cut short/ }, String(length));
  }
  t.throws(() => subjects(`${one.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`));
});
