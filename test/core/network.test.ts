import t from 'tap';
import { networkOf } from '../../src/core/network.ts';

t.test('all addresses of one IPv6 network of 64 bits are one', async (t) => {
  t.equal(networkOf('2001:db8::1'), networkOf('2001:0DB8:0:0:ffff:ffff:ffff:ffff'));
  t.equal(networkOf('fe80::1%eth0'), networkOf('fe80::2'));
  t.not(networkOf('2001:db8::1'), networkOf('2001:db8:0:1::1'));
  t.equal(networkOf('::1'), networkOf('0:0:0:0:0:0:0:2'));
});

t.test('an IPv4 address is one by itself, also where it is written as an IPv6 one', async (t) => {
  t.equal(networkOf('::ffff:10.0.0.1'), '10.0.0.1');
  t.equal(networkOf('10.0.0.1'), '10.0.0.1');
  t.not(networkOf('10.0.0.1'), networkOf('10.0.0.2'));
});
