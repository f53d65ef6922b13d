import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import {
  disposeSecrets,
  formatUri,
  kekUri,
  parseKmsUri,
  parseParametersUri,
  parseStorageUri,
  redactUri,
  resolveSecrets,
  uriWithoutCredentials,
} from '../../src/core/uri.ts';
import { type KmsUri, providersOf, schemaOf, type Uri, VAULT_TYPES } from '../../src/core/uri-schemas.ts';
import { blocksOf } from '../support/doc-page.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { everyProvider, uriTable } from '../support/uri-tables.ts';
import { anyUri, plain } from '../support/uri-values.ts';

const parse = (text: string): Uri => {
  if (text.startsWith('parameters:')) return parseParametersUri(text);
  return text.startsWith('storage:') ? parseStorageUri(text) : parseKmsUri(text);
};

/** The text of the error that reading gives. */
function refusal(t: Test, text: string): string {
  try {
    parse(text);
  } catch (error) {
    t.ok(error instanceof KeysteadError);
    t.equal(KeysteadError.from(error).reason, 'bad-uri');
    return KeysteadError.from(error).message;
  }
  t.fail(`${text} was accepted`);
  return '';
}

t.test('what is written is read back, for every URI', async (t) => {
  fc.assert(
    fc.property(anyUri, (uri) => isDeepStrictEqual(plain(parse(formatUri(uri))), plain(uri))),
    { numRuns: 1500 },
  );
  t.pass();
});

t.test('what is read is written in one form, whatever the order and the escaping', async (t) => {
  const text = 'kms://gcp?keyName=k&keyRing=r&credentialsPath=%2Fa%20b&location=global&projectID=%70';
  t.equal(formatUri(parse(text)), 'kms://gcp?projectID=p&location=global&keyRing=r&credentialsPath=/a%20b&keyName=k');
});

t.test('every URI that Constellation writes is read', async (t) => {
  const file = join(import.meta.dirname, '../vectors/constellation-uris.json');
  const { samples } = JSON.parse(readFileSync(file, 'utf8')) as {
    samples: { why: string; uri: string; fields: Record<string, string> }[];
  };
  t.ok(samples.length > 15);
  for (const { why, uri, fields } of samples) {
    const read = Object.entries(parse(uri)).filter(([name]) => !['scheme', 'provider', 'create'].includes(name));
    const shown = read.map(([name, value]) => {
      if (!(value instanceof SecretBytes)) return [name, value];
      const coding = name === 'key' || name === 'salt' ? 'base64' : 'utf8';
      return [name, Buffer.from(value.expose()).toString(coding)];
    });
    t.same(Object.fromEntries(shown), fields, `${uri.slice(0, 24)}: ${why}`);
  }
});

t.test('a value escaped as a form is read, spaces apart', async (t) => {
  const goQueryEscape = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      fc.pre(text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text) && !text.includes(' '));
      const uri = parseStorageUri(`storage://gcp?projectID=p&bucket=abc&credentialsPath=${goQueryEscape(text)}`);
      return 'credentialsPath' in uri && uri.credentialsPath === text;
    }),
  );
  t.pass();
});

t.test('a plus sign is a plus sign, escaped or not', async (t) => {
  for (const text of ['a+b/c==', 'a%2Bb%2Fc%3D%3D']) {
    const uri = parse(`kms://aws?keyName=k&accessKeyID=A&accessKey=${text}`);
    t.same(plain(uri)['accessKey'], { hex: Buffer.from('a+b/c==').toString('hex') });
  }
});

t.test('base64 and base64url give one key, padded or not', async (t) => {
  const salt = '&salt=AAAA';
  for (const text of ['-_8=', '-_8', '+/8=', '%2B%2F8%3D']) {
    t.same(plain(parse(`kms://cluster-kms?key=${text}${salt}`))['key'], { hex: 'fbff' }, text);
  }
  t.match(refusal(t, `kms://cluster-kms?key=a*b${salt}`), /^kms:\/\/cluster-kms: key is not base64/);
});

t.test('what is wrong is named', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /a kms URI: this has no scheme; it must begin with kms:\/\//],
    ['cluster-kms', /no scheme/],
    ['awskms://aws', /the scheme is awskms; it must begin with kms:\/\//],
    ['KMS://aws', /the scheme is KMS/],
    ['kms://', /there is no provider/],
    ['kms://?keyName=k', /there is no provider/],
    ['kms://awss?keyName=k', /unknown provider "awss"; did you mean aws\?/],
    ['kms://AWS?keyName=k', /unknown provider "AWS"; did you mean aws\?/],
    ['kms://memory', /unknown provider "memory"/],
    ['kms://__proto__', /unknown provider/],
    ['kms://constructor?name=x', /unknown provider "constructor"/],
    ['storage://cluster-kms', /unknown provider "cluster-kms"/],
    ['kms://user@aws?keyName=k', /user information has no meaning here/],
    ['kms://aws:443?keyName=k', /a port has no meaning here/],
    ['kms://aws/?keyName=k', /a path has no meaning here/],
    ['kms://aws?keyName=k#x', /a fragment has no meaning here; write # in a value as %23/],
    ['kms://cluster-kms#x', /a fragment has no meaning here/],
    ['kms://cluster-kms?', /nothing follows the \?/],
    ['kms://aws?regoin=x&keyName=k', /unknown name \(number 1\) "regoin"; did you mean region\?/],
    ['kms://aws?keyName=k&keyname=k', /unknown name \(number 2\) "keyname"; did you mean keyName\?/],
    ['kms://aws?keyName=k&__proto__=k', /unknown name \(number 2\)/],
    ['kms://aws?keyName=k&key%4eame=k', /unknown name \(number 2\) \(not shown\)/],
    ['kms://aws?keyName=k&', /unknown name \(number 2\)/],
    ['kms://aws?keyName=k&accessKeyID=A&accessKey=a&hunter', /unknown name \(number 4\) \(not shown\)/],
    ['kms://aws?colour=blue', /"colour" \(known: region, accessKeyID/],
    ['storage://memory?size=1', /unknown name \(number 1\) "size" \(it takes no names\)/],
    ['kms://aws?keyName=k&keyName=k', /kms:\/\/aws: keyName is given twice/],
    ['kms://aws', /keyName is missing; give an id, an ARN or alias\/NAME/],
    ['kms://gcp?projectID=p&location=global&keyName=k', /keyRing is missing/],
    ['storage://azure?account=abc', /container is missing/],
    ['kms://aws?keyName=', /keyName is empty/],
    ['kms://aws?keyName', /keyName has no value; write keyName=VALUE/],
    ['kms://aws?keyName=a%2', /keyName has a malformed percent-encoding; write % itself as %25/],
    ['kms://aws?keyName=%zz', /malformed percent-encoding/],
    ['kms://aws?keyName=%', /malformed percent-encoding/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=%ff', /prefix is not valid UTF-8/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=%C0%AF', /prefix is not valid UTF-8/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=%ED%A0%80', /prefix is not valid UTF-8/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=a%00b', /prefix holds a control character/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=a%0Ab', /prefix holds a control character/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=a b', /prefix holds a space or a character/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=é', /must be percent-encoded/],
    ['storage://gcp?projectID=p&bucket=abc&prefix=\ud800', /must be percent-encoded/],
    ['storage://aws?bucket=abc\n', /bucket holds a space/],
    ['storage://aws?bucket=..', /bucket is not valid; give a bucket name/],
    ['storage://aws?bucket=abc&create=yes', /create is not valid; give true or false/],
    ['kms://cluster-kms?mode=deriv', /mode is not valid; give one of derive, wrap \(did you mean derive\?\)/],
    ['kms://cluster-kms?key=AAAA', /salt is missing; key has no meaning without it/],
    ['kms://cluster-kms?salt=AAAA', /key is missing; salt has no meaning without it/],
    ['kms://aws?keyName=k&accessKeyID=A', /accessKey is missing; accessKeyID has no meaning without it/],
    ['kms://aws?keyName=k&sessionToken=A', /accessKeyID is missing; sessionToken/],
    ['storage://azure?account=abc&container=abc&clientSecret=x', /tenantID is missing; clientSecret/],
    ['kms://aws?keyName=k&endpoint=ftp://x', /endpoint is not valid; give an http/],
    ['kms://aws?keyName=k&endpoint=http://u:p@x', /endpoint is not valid/],
    ['kms://azure?vaultName=evil.example/&vaultType=vault.azure.net&keyName=k', /vaultName is not valid/],
    ['kms://azure?vaultName=v&vaultType=vault.azur.net&keyName=k', /did you mean vault\.azure\.net\?/],
    ['kms://azure?vaultName=v&vaultType=vault.azure.net&keyName=k&algorithm=RSA-OAEP', /algorithm is not valid/],
    ['kms://aws?keyName=k&accessKeyID=A&accessKey=ENV://X', /accessKey is not a valid reference/],
    ['kms://aws?keyName=k&accessKeyID=A&accessKey=env://1X', /accessKey is not a valid reference/],
    ['kms://aws?keyName=k&accessKeyID=A&accessKey=file://etc/x', /accessKey is not a valid reference/],
    ['kms://aws?keyName=k&accessKeyID=A&accessKey=vault://x', /accessKey is not a valid reference/],
    ['kms://aws?keyName=k&accessKeyID=A&accessKey=REDACTED', /accessKey was redacted/],
  ];
  for (const [text, said] of cases) t.match(refusal(t, text), said, text);
  t.throws(() => parseKmsUri('storage://memory'), { message: /the scheme is storage; it must begin with kms:\/\// });
  t.throws(() => parseStorageUri('kms://aws'), { message: /a storage URI: the scheme is kms/ });
});

t.test('any text is read or refused with bad-uri, and nothing else happens', async (t) => {
  const piece = fc.constantFrom(
    ...['kms://', 'storage://', 'aws', 'gcp', '?', '&', '=', '%', '#', '@', '+', 'keyName'],
  );
  const hostile = fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 12 });
  fc.assert(
    fc.property(hostile, (pieces) => {
      for (const read of [parseKmsUri, parseStorageUri]) {
        try {
          read(pieces.join(''));
        } catch (error) {
          if (!(error instanceof KeysteadError) || error.reason !== 'bad-uri') throw error;
        }
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

t.test('every vault type of Azure is read', async (t) => {
  for (const type of VAULT_TYPES) {
    t.same(parseKmsUri(`kms://azure?vaultName=v&vaultType=${type}&keyName=k`), {
      scheme: 'kms',
      provider: 'azure',
      vaultName: 'v',
      vaultType: type,
      keyName: 'k',
    });
  }
});

t.test('every cloud URI takes an endpoint, and every cloud store can be created', async (t) => {
  for (const { scheme, provider } of everyProvider()) {
    const cloud = ['aws', 'gcp', 'azure'].includes(provider);
    t.equal(schemaOf(scheme, provider)?.fields.has('endpoint'), cloud);
    t.equal(schemaOf(scheme, provider)?.fields.has('create'), cloud && scheme === 'storage');
  }
  t.match(parse('storage://aws?bucket=abc'), { create: false });
  t.match(parse('storage://aws?bucket=abc&create=true'), { create: true });
  t.equal(schemaOf('kms', 'nobody'), undefined);
  t.same(providersOf('kms'), ['cluster-kms', 'aws', 'gcp', 'azure']);
});

t.test('a value that no URI can hold is not written', async (t) => {
  const aws = (accessKey: SecretBytes) =>
    ({ scheme: 'kms', provider: 'aws', keyName: 'k', accessKeyID: 'A', accessKey }) as const;
  const text = (value: string) => SecretBytes.copyOf(Buffer.from(value, 'latin1'));
  t.throws(() => formatUri(aws(text('env://X'))), { reason: 'bad-uri', message: /accessKey begins like a reference/ });
  t.throws(() => formatUri(aws(text('a\nb'))), { reason: 'bad-uri', message: /accessKey holds a control character/ });
  t.throws(() => formatUri(aws(text('\xff'))), { reason: 'bad-uri', message: /accessKey is not UTF-8/ });
  t.throws(() => formatUri(aws(text(''))), { reason: 'bad-uri', message: /accessKey is empty/ });
  t.throws(() => formatUri({ scheme: 'kms', provider: 'aws', keyName: 'a b' }), {
    reason: 'bad-uri',
    message: /keyName/,
  });
  t.throws(() => formatUri({ scheme: 'storage', provider: 'aws', bucket: 'abc', prefix: '\ud800', create: false }), {
    reason: 'bad-uri',
    message: /prefix holds a lone surrogate/,
  });
});

t.test('a parsed URI shows no secret, however it is printed', async (t) => {
  const uri = parse('kms://aws?keyName=k&accessKeyID=A&accessKey=hunter2hunter2&sessionToken=tokentoken');
  for (const shown of [inspect(uri), JSON.stringify(uri), `${Object.values(uri)}`, redactUri(uri)]) {
    t.notMatch(shown, /hunter2|tokentoken/);
  }
  t.match(inspect(uri), /accessKey: \[secret\]/);
});

t.test('the URI without credentials names the key or place alone', async (t) => {
  const credentials = 'accessKeyID=A&accessKey=env://X&sessionToken=t';
  t.equal(uriWithoutCredentials(parse(`kms://aws?region=r&${credentials}&keyName=k`)), 'kms://aws?region=r&keyName=k');
  t.equal(
    uriWithoutCredentials(parse('kms://cluster-kms?key=AAAA&salt=AAAA&mode=wrap')),
    'kms://cluster-kms?mode=wrap',
  );
  const azure = 'vaultName=v&vaultType=vault.azure.cn&keyName=k';
  t.equal(
    uriWithoutCredentials(parse(`kms://azure?tenantID=t&clientID=c&clientSecret=s&${azure}`)),
    `kms://azure?${azure}`,
  );
  t.equal(
    uriWithoutCredentials(parse('storage://gcp?projectID=p&bucket=abc&credentialsPath=/x')),
    'storage://gcp?projectID=p&bucket=abc',
  );
});

t.test('the URI of a KEK is the same whoever reaches it and however', async (t) => {
  const kek = (text: string) => kekUri(parseKmsUri(text));
  const reach = 'endpoint=https://127.0.0.1:1';
  t.equal(kek(`kms://aws?region=r&access=a&keyName=alias/k&${reach}`), 'kms://aws?region=r&keyName=alias/k');
  t.equal(
    kek('kms://aws?region=r&keyName=arn:aws:kms:r:123456789012:key/k'),
    'kms://aws?keyName=arn:aws:kms:r:123456789012:key/k',
  );
  const gcp = (credentials: string) => `projectID=p&location=l&keyRing=r${credentials}&keyName=k`;
  t.equal(kek(`kms://gcp?${gcp('&credentialsPath=/x')}&${reach}`), `kms://gcp?${gcp('')}`);
  const azure = 'vaultName=v&vaultType=managedhsm.azure.net&keyName=k';
  t.equal(
    kek(`kms://azure?tenantID=t&clientID=c&clientSecret=s&${azure}&keyVersion=1&algorithm=A256KW&${reach}`),
    `kms://azure?${azure}`,
  );
  t.equal(kek('kms://cluster-kms?mode=wrap'), 'kms://cluster-kms');
});

t.test('the secrets of a URI come by name, what it holds and what it refers to', async (t) => {
  const uri = parseKmsUri('kms://cluster-kms?key=AQID&salt=file:///salt') as Extract<
    KmsUri,
    { provider: 'cluster-kms' }
  >;
  const secrets = await resolveSecrets(uri, { env: {}, readFile: () => Buffer.from('a\n') });
  t.same(Buffer.from(secrets.key?.expose() ?? []).toString('hex'), '010203');
  t.same(Buffer.from(secrets.salt?.expose() ?? []).toString('hex'), '610a');
  disposeSecrets(uri);
  t.equal(uri.key instanceof SecretBytes && uri.key.disposed, true, 'the one in the URI is wiped');
  t.equal(secrets.key?.disposed, false, 'the one handed out is a copy');
  t.same(await resolveSecrets(parseStorageUri('storage://memory'), { env: {}, readFile: () => new Uint8Array() }), {});
});

t.test('a reference that leads nowhere is named with its field', async (t) => {
  const uri = parseKmsUri('kms://cluster-kms?key=env://HERE&salt=env://NOT_HERE');
  await t.rejects(resolveSecrets(uri, { env: { HERE: 'x' }, readFile: () => new Uint8Array() }), {
    reason: 'bad-uri',
    message: 'kms://cluster-kms: salt (env://NOT_HERE): the environment variable is not set',
  });
});

t.test('what was read before something is refused is wiped', async (t) => {
  const made = recordedSecrets(t);
  t.throws(() => parseKmsUri('kms://cluster-kms?key=AAAA&salt=*'), {
    reason: 'bad-uri',
    message: /salt is not base64/,
  });
  t.equal(made.length, 1);
  const uri = parseKmsUri('kms://cluster-kms?key=file:///key&salt=env://NOT_HERE');
  await t.rejects(resolveSecrets(uri, { env: {}, readFile: () => Buffer.from('x') }), { message: /NOT_HERE/ });
  t.equal(made.length, 2);
  formatUri(parseKmsUri('kms://aws?keyName=k&accessKeyID=A&accessKey=s'));
  t.equal(made.length, 4);
  t.same(
    made.map((secret) => secret.disposed),
    [true, true, false, true],
    'all but the one that the caller has',
  );
});

t.test('the reference page shows every name of every provider, and its examples are read', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/uris.md'), 'utf8');
  for (const { scheme, provider } of everyProvider()) {
    t.ok(page.includes(`### \`${scheme}://${provider}\`\n`), `${scheme}://${provider} has a section`);
    t.ok(page.includes(uriTable(scheme, provider)), `the table of ${scheme}://${provider} is current`);
  }
  const examples = blocksOf(page).flatMap(({ text }) =>
    text.split('\n').filter((line) => /^(kms|storage):/.test(line)),
  );
  t.ok(examples.length > 15, 'the page has examples');
  for (const example of examples)
    t.equal(formatUri(parse(formatUri(parse(example)))), formatUri(parse(example)), example);
});
