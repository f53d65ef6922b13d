import { join } from 'node:path';
import t from 'tap';
import { problemLines } from '../../src/config/document.ts';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { parseAuth, readAuthFile } from '../../src/wiring/auth-file.ts';

const FULL = `
version: 1
authenticators:
  - name: cluster
    kind: service-account
    issuer: https://kubernetes.default.svc
    audiences: [keystead]
    caFile: /ca
    tokenFile: /token
    algorithms: [RS256]
    refresh: 60
    outage: 0
    review: { url: "https://kubernetes.default.svc", caFile: /ca, tokenFile: /token, cacheSeconds: 5 }
  - name: corp
    kind: oidc
    issuer: https://login.example.org
    audiences: [keystead]
    subjectClaim: email
    groupsClaim: groups
    requiredClaims: { hd: example.org }
  - name: mesh
    kind: certificate
    by: spiffe
    trustDomains: [example.org]
    groups: { "spiffe://example.org/ops": ["keystead:admins"] }
  - name: tokens
    kind: token
    tokens:
      - name: ci
        sha256: ${'ab'.repeat(32)}
        groups: [builders]
        notAfter: 2027-01-01T00:00Z
  - name: nodes
    kind: anonymous
    listeners: [grpc]
`;

/** The problems of an auth file, one line each. */
function wrong(text: string): string[] {
  const read = parseAuth(Buffer.from(text));
  return 'problems' in read ? problemLines(read.problems) : [];
}

const one = (entry: string) => `version: 1\nauthenticators:\n  - ${entry.trim().split('\n').join('\n    ')}\n`;

t.test('a file with authenticators of every kind is read', async (t) => {
  t.same(wrong(FULL), []);
  const read = parseAuth(Buffer.from(FULL));
  t.match(read, { document: { authenticators: { length: 5 } }, sha256: /^[0-9a-f]{64}$/ });
});

t.test('names that are not known are told with their line, and the nearest that is', async (t) => {
  t.same(wrong(FULL.replace('audiences: [keystead]\n    caFile', 'audience: [keystead]\n    caFile')), [
    'line 7: authenticators[0].audience is not a known name; did you mean audiences?',
    'line 4: authenticators[0] must have audiences',
  ]);
  t.same(wrong(FULL.replace('kind: oidc', 'kind: oidcc')), [
    'line 15: authenticators[1].kind must be one of service-account, oidc, certificate, token, anonymous; did you mean oidc?',
  ]);
  t.same(wrong(FULL.replace('    kind: oidc\n', '')), [
    'line 14: authenticators[1] must have kind, one of service-account, oidc, certificate, token, anonymous',
  ]);
});

t.test('a name that stands twice is refused, also a hash and an authenticator', async (t) => {
  t.match(wrong(`${FULL}version: 1\n`), [/version stands here for the second time/]);
  t.match(wrong(FULL.replace('name: corp', 'name: cluster')), [/authenticators\[1\]\.name is that of another/]);
  const twice = FULL.replace('    tokens:\n', `    tokens:\n      - { name: ci, sha256: "${'ab'.repeat(32)}" }\n`);
  t.match(wrong(twice), [/tokens\[1\]\.name is that of another token/, /tokens\[1\]\.sha256 is that of another token/]);
});

t.test('what could be misread, or would never work, is refused', async (t) => {
  const cases: [string, RegExp][] = [
    ['version: 2', /version must be 1/],
    ['authenticators: []', /must not be an empty list/],
    [FULL.replace('version: 1', 'version: "1"'), /version must be 1/],
    [FULL.replace('algorithms: [RS256]', 'algorithms: [HS256]'), /algorithms\[0\] must be one of RS256/],
    [FULL.replace('algorithms: [RS256]', 'algorithms: [none]'), /algorithms\[0\] must be one of/],
    [FULL.replace('algorithms: [RS256]', 'algorithms: []'), /must not be an empty list/],
    [FULL.replace('audiences: [keystead]\n    caFile', 'audiences: []\n    caFile'), /must not be an empty list/],
    [FULL.replace('audiences: [keystead]\n    caFile', 'audiences: keystead\n    caFile'), /must be a list/],
    [
      FULL.replace('https://kubernetes.default.svc\n', 'http://kubernetes.default.svc\n'),
      /issuer may be http:\/\/ for loopback only/,
    ],
    [FULL.replace('https://kubernetes.default.svc\n', 'kubernetes/serviceaccount\n'), /issuer must be an https/],
    [FULL.replace('"https://kubernetes.default.svc"', '"https://u:p@api"'), /review\.url must not hold credentials/],
    [FULL.replace('    refresh: 60\n', '    jwksUri: "ftp://x"\n'), /jwksUri must be an https/],
    [
      FULL.replace('    refresh: 60\n', '    jwksUri: "https://x"\n    jwksFile: /x\n'),
      /jwksFile stands beside jwksUri/,
    ],
    [FULL.replace('    refresh: 60\n', '    jwksFile: /x\n'), /caFile is for keys that are fetched/],
    [FULL.replace('refresh: 60', 'refresh: 1'), /refresh must be a whole number from 10/],
    [FULL.replace('name: corp', 'name: system'), /is a word of the service itself/],
    [FULL.replace('name: corp', 'name: spiffe'), /is a word of the service itself/],
    [FULL.replace('name: corp', 'name: "a:b"'), /must be at most 64 letters/],
    [FULL.replace('name: ci', 'name: admin'), /is a word of the service itself/],
    [FULL.replace('name: ci', 'name: "spiffe://example.org/x"'), /must be at most 64 letters/],
    [FULL.replace('groups: [builders]', 'groups: ["keystead:admin"]'), /keystead:admins is the one/],
    [FULL.replace('["keystead:admins"]', '["keystead:ops"]'), /keystead:admins is the one/],
    [FULL.replace('2027-01-01T00:00Z', '2027-13-01T00:00Z'), /is no day of the calendar/],
    [FULL.replace('2027-01-01T00:00Z', '2027-01-01'), /must be a time in UTC/],
    [FULL.replace('ab'.repeat(32), 'AB'.repeat(32)), /must be 64 lower-case hex digits/],
    [FULL.replace('    trustDomains: [example.org]\n', ''), /must have trustDomains/],
    [FULL.replace('[example.org]', '["spiffe://example.org"]'), /must be the name of a trust domain alone/],
    [FULL.replace('[example.org]', '["*"]'), /must be the name of a trust domain alone/],
    [FULL.replace('by: spiffe', 'by: dns'), /trustDomains is for spiffe/],
    [one('name: m\nkind: certificate\nby: dns\nnames: [A.example]'), /must be a DNS name in lower case/],
    [one('name: m\nkind: certificate\nby: public-key\nnames: [abc]'), /must be 64 lower-case hex digits/],
    [one('name: m\nkind: certificate\nby: dns\ngroups: { a.example: [x] }'), /must be dns: and a DNS name/],
    [one('name: a\nkind: anonymous\nlisteners: []'), /must not be an empty list/],
    [one('name: a\nkind: anonymous\nlisteners: [internal]'), /must be one of http, grpc$/],
    [one('name: a\nkind: token\ntokens: []'), /must not be an empty list/],
    [FULL.replace('requiredClaims: { hd: example.org }', 'requiredClaims: {}'), /at least one claim/],
    ['', /must not be empty/],
    ['[]', /must be a map/],
    ['a: &x 1\nb: *x', /is not a known name/],
  ];
  for (const [text, message] of cases) t.match(wrong(text).join('\n'), message, String(message));
});

t.test('all problems are told at once, without a value of the file', async (t) => {
  const lines = wrong(FULL.replace('version: 1', 'version: 7').replace('ab'.repeat(32), 'my-secret-token'));
  t.equal(lines.length, 2);
  t.notMatch(lines.join(), /my-secret-token/);
});

t.test('a file that cannot be read is told by its name', async (t) => {
  const dir = t.testdir({ bad: 'version: 1', folder: {}, large: '#'.repeat(1_048_577) });
  const read = (name: string) => readAuthFile(join(dir, name), readSmallFile);
  await t.rejects(read('missing'), { reason: 'no-file', message: /the auth file .*missing is not there/ });
  await t.rejects(read('folder'), { reason: 'cannot-read', message: /folder cannot be read \(EISDIR\)/ });
  await t.rejects(read('large'), { name: 'KeysteadError', reason: 'cannot-read' });
  await t.rejects(read('bad'), { reason: 'bad-config', message: /the auth file .*bad is not valid: .*authenticators/ });
});
