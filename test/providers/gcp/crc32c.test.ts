import t from 'tap';
import { crc32c, crc32cText } from '../../../src/providers/gcp/crc32c.ts';

t.test('CRC-32C gives the check value and the vectors of RFC 3720, appendix B.4', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  t.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, n) => n)), 0x46dd794e);
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, n) => 31 - n)), 0x113fdb5c);
  t.equal(crc32c(new Uint8Array()), 0);
});

t.test('as text it is the base64 of the four bytes, as Cloud Storage writes it', async (t) => {
  t.equal(crc32cText(Buffer.from('123456789')), Buffer.from('e3069283', 'hex').toString('base64'));
});
