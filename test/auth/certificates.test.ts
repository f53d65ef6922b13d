import t from 'tap';
import { certificateCallers } from '../../src/auth/certificates.ts';
import type { CertificateEntry } from '../../src/auth/schema.ts';
import type { ClientCertificate } from '../../src/core/authenticator.ts';

const HASH = 'ab'.repeat(32);

function naming(entry: Omit<CertificateEntry, 'kind' | 'name'>) {
  const judge = certificateCallers({ kind: 'certificate', name: 'mesh', ...entry });
  return (certificate: Partial<ClientCertificate>) =>
    judge({ uris: [], dnsNames: [], publicKeySha256: HASH, notAfter: new Date(), ...certificate });
}

t.test('a workload is known by its SPIFFE ID', async (t) => {
  const caller = naming({ by: 'spiffe', trustDomains: ['example.org'] });
  const id = 'spiffe://example.org/ns/team-a/sa/web';
  t.same(caller({ uris: [id] }), { kind: 'certificate', name: id, groups: [] });
});

t.test('what is no SPIFFE ID of the trust domain, or not the only one, is nobody', async (t) => {
  const caller = naming({ by: 'spiffe', trustDomains: ['example.org'] });
  for (const uris of [
    [],
    ['spiffe://example.org/a', 'spiffe://example.org/b'],
    ['spiffe://example.org/a', 'https://example.org'],
    ['spiffe://other.org/a'],
    ['spiffe://example.org.evil/a'],
    ['spiffe://evil.example.org/a'],
    ['spiffe://example.org'],
    ['spiffe://example.org/'],
    ['spiffe://example.org/a/'],
    ['spiffe://example.org//a'],
    ['spiffe://example.org/a/../b'],
    ['spiffe://example.org/./a'],
    ['spiffe://example.org/a/..'],
    ['spiffe://example.org/%61'],
    ['spiffe://example.org/a?x=y'],
    ['spiffe://example.org/a#x'],
    ['spiffe://example.org:443/a'],
    ['spiffe://u@example.org/a'],
    ['spiffe://EXAMPLE.org/a'],
    ['SPIFFE://example.org/a'],
    ['spiffe://example.org/ä'],
    ['spiffe://example.org/a\n'],
    [`spiffe://example.org/${'a'.repeat(2048)}`],
  ]) {
    t.equal(caller({ uris }), undefined, JSON.stringify(uris).slice(0, 80));
  }
  t.match(caller({ uris: ['spiffe://example.org/a..b/...'] }), { name: 'spiffe://example.org/a..b/...' });
  t.equal(caller({ dnsNames: ['example.org'] }), undefined, 'another kind of name does not count');
});

t.test('a caller is known by its one DNS name, or the one that is listed', async (t) => {
  const any = naming({ by: 'dns' });
  t.match(any({ dnsNames: ['Backup.example.org'] }), { name: 'dns:backup.example.org' });
  t.match(any({ dnsNames: ['a.example', 'A.example'] }), { name: 'dns:a.example' });
  t.equal(any({ dnsNames: ['a.example', 'b.example'] }), undefined);
  t.equal(any({ dnsNames: [] }), undefined);
  const listed = naming({ by: 'dns', names: ['a.example', 'c.example'] });
  t.match(listed({ dnsNames: ['x.example', 'a.example', 'y.example'] }), { name: 'dns:a.example' });
  t.equal(listed({ dnsNames: ['a.example', 'c.example'] }), undefined, 'two of them');
  t.equal(listed({ dnsNames: ['b.example'] }), undefined);
  t.equal(listed({ dnsNames: ['*.example'] }), undefined);
});

t.test('a caller is known by its public key', async (t) => {
  t.match(naming({ by: 'public-key' })({ uris: ['x'], dnsNames: ['y', 'z'] }), { name: `sha256:${HASH}` });
  t.match(naming({ by: 'public-key', names: [HASH] })({}), { name: `sha256:${HASH}` });
  t.equal(naming({ by: 'public-key', names: ['cd'.repeat(32)] })({}), undefined);
});

t.test('groups are given by name', async (t) => {
  const caller = naming({ by: 'dns', groups: { 'dns:a.example': ['operators', 'x'] } });
  t.same(caller({ dnsNames: ['a.example'] })?.groups, ['operators', 'x']);
  t.same(caller({ dnsNames: ['constructor'] })?.groups, []);
});
