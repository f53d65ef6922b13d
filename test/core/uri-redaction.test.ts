import fc from 'fast-check';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { formatUri, parseKmsUri, parseStorageUri, redactUri } from '../../src/core/uri.ts';
import { schemaOf } from '../../src/core/uri-schemas.ts';
import { everyProvider } from '../support/uri-tables.ts';
import { anyUri } from '../support/uri-values.ts';

/** Every text that a caller may get to see for this one: redacted, its secrets printed, and the errors of reading it. */
function outputs(text: string): string[] {
  const read = [parseKmsUri, parseStorageUri].flatMap((parse) => {
    try {
      const uri = parse(text);
      // A name that is no secret's has what was written, be it named like one: only `redactUri` takes that for one.
      const secrets = Object.values(uri).filter((value) => typeof value === 'object');
      return [redactUri(uri), JSON.stringify(secrets)];
    } catch (error) {
      return [KeysteadError.from(error).message];
    }
  });
  return [redactUri(text), ...read];
}

const PLANTED = 'Zq7PlantedSecret7qZ';

t.test('a URI is shown without its secrets, all else as it is', async (t) => {
  const cases: [string, string][] = [
    ['kms://cluster-kms', 'kms://cluster-kms'],
    ['kms://cluster-kms?key=AAAA&salt=BBBB&mode=wrap', 'kms://cluster-kms?key=REDACTED&salt=REDACTED&mode=wrap'],
    ['kms://cluster-kms?key=env://A&salt=file:///b', 'kms://cluster-kms?key=env://A&salt=file:///b'],
    [
      'kms://aws?keyName=alias/x&accessKeyID=AKIA&accessKey=s&sessionToken=t',
      'kms://aws?keyName=alias/x&accessKeyID=AKIA&accessKey=REDACTED&sessionToken=REDACTED',
    ],
    [
      'storage://azure?account=abc&container=abc&clientSecret=s&endpoint=http%3A%2F%2F127.0.0.1:10000/abc',
      'storage://azure?account=abc&container=abc&clientSecret=REDACTED&endpoint=http://127.0.0.1:10000/abc',
    ],
  ];
  for (const [text, shown] of cases) t.equal(redactUri(text), shown, text);
});

t.test('a URI and its text are shown alike', async (t) => {
  fc.assert(
    fc.property(anyUri, (uri) => redactUri(uri) === redactUri(formatUri(uri))),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('no secret of a valid URI is shown', async (t) => {
  fc.assert(
    fc.property(anyUri, (uri) => {
      const secrets = Object.entries(uri).filter(([, value]) => value instanceof SecretBytes && value.length > 11);
      const shown = [...outputs(formatUri(uri)), JSON.stringify(uri)].join(' ');
      for (const [, secret] of secrets) {
        const text = Buffer.from((secret as SecretBytes).expose());
        for (const form of [text.toString(), text.toString('base64url'), encodeURIComponent(text.toString())]) {
          if (shown.includes(form)) return false;
        }
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('a planted secret is never shown, however hostile the text around it', async (t) => {
  const secretNames = ['key', 'salt', 'accessKey', 'sessionToken', 'clientSecret'];
  const oddNames = [
    ...[
      'access%4Bey',
      'AccessKey',
      'ACCESSKEY',
      'accesskey',
      ' accessKey',
      'accessKey ',
      'amp;accessKey',
      'accessKey[]',
    ],
    ...['client_secret', 'clientSecret%00', 'x', '', '%', 'accessKey\n', 'ａccessKey', '__proto__', 'password'],
  ];
  const before = ['', 'a', '%', '%ff', '%zz', ' ', '+', '=', '==', '%3D', 'é', 'env:', 'env:/', 'file://', '\n', '"'];
  const providers = everyProvider().map(({ scheme, provider }) => `${scheme}://${provider}`);
  const heads = [
    '',
    'kms://',
    'kms:',
    'kms:/aws',
    'KMS://aws',
    'https://aws',
    'kms://aws:1',
    'kms://aws/',
    'kms://nobody',
  ];
  const pair = fc.oneof(
    fc.constantFrom('keyName=k', 'region=eu', 'bucket=abc', 'projectID=p', 'create=true', 'mode=wrap', '', '&', '='),
    fc
      .tuple(fc.constantFrom(...secretNames, ...oddNames), fc.constantFrom(...before), fc.constantFrom(...before))
      .map(([name, start, end]) => `${name}=${start}${PLANTED}${end}`),
    fc.constantFrom('#', ';', '?', '%26').map((separator) => `keyName=k${separator}accessKey=${PLANTED}`),
    fc.constantFrom(
      `accessKey=a&${PLANTED}`,
      `accessKeyID=A;salt=${PLANTED}`,
      `accessKeyID=A;accessKey:${PLANTED},=`,
      `prefix=accessKey ${PLANTED}`,
    ),
    fc.constantFrom(
      `prefix=accessKey%20${PLANTED}`,
      `endpoint=http://u:${PLANTED}@h`,
      `endpoint=http://h?k=${PLANTED}`,
    ),
  );
  const text = fc
    .tuple(
      fc.constantFrom(...providers, ...heads),
      fc.constantFrom('?', '', '&', '#', '??'),
      fc.array(pair, { maxLength: 5 }),
    )
    .map(([head, mark, pairs]) => `${head}${mark}${pairs.join('&')}`);
  fc.assert(
    fc.property(text, (hostile) => !outputs(hostile).some((output) => output.includes(PLANTED))),
    { numRuns: 5000 },
  );
  t.pass();
});

t.test('a value that looks like another name and its secret is read as it is, and not shown', async (t) => {
  const text = `storage://aws?bucket=abc&prefix=accessKey%20${PLANTED}`;
  t.match(parseStorageUri(text), { prefix: `accessKey ${PLANTED}` });
  for (const shown of outputs(text)) t.notMatch(shown, PLANTED);
});

t.test('text that is no URI of ours is not shown at all', async (t) => {
  for (const text of [
    '',
    'hunter2',
    'https://user:hunter2@host',
    'kms://hunter2',
    'kms://u:p@aws',
    'kms://aws/x?y=z',
  ]) {
    t.equal(redactUri(text), 'REDACTED', text);
  }
});

t.test('every field that holds a secret is marked as a credential, too', async (t) => {
  for (const { scheme, provider } of everyProvider()) {
    for (const [name, field] of schemaOf(scheme, provider)?.fields ?? []) {
      const secret = ['key', 'salt', 'accessKey', 'sessionToken', 'clientSecret'].includes(name);
      t.equal(field.secret !== undefined, secret, `${scheme}://${provider}: ${name}`);
      if (secret) t.equal(field.credential, true);
    }
  }
});
