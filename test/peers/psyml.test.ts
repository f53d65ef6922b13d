import fc from 'fast-check';
import t from 'tap';
import { rewrite } from '../../src/secrets-file/rewrite.ts';
import { readSecretsFile } from '../../src/secrets-file/secrets-file.ts';
import { unique } from '../providers/aws/aws.ts';
import { bothPrograms, FILES, WITH_CRLF } from './psyml/both.ts';

interface Read {
  path: string;
  parameters: { name: string; description: string; type: string; value: string }[];
  encrypted_with?: string;
}

// The runner's own limit still holds.
t.setTimeout(0);

t.test('beside the real psyml, on one emulator', { timeout: 390_000 }, async (t) => {
  const both = await bothPrograms(t);
  if (both === undefined) return;
  const { psyml, ours, at, admin, alias } = both;
  const files = Object.entries({ ...FILES, 'CRLF and a byte order mark': WITH_CRLF }).map(([what, text]) => ({
    what,
    text,
    path: `/${unique('ps')}`,
  }));

  await t.test('files move in both directions, and differ in nothing but ciphertext', async (t) => {
    const plain = files.map(({ text, path }) => at(text, path));
    const theirs = await psyml(plain.map((text) => ({ command: 'encrypt', text })));
    const mine = await Promise.all(plain.map((text) => ours(t, 'encrypt', text)));
    const read = await psyml(
      [...theirs.map(({ text = '' }) => text), ...mine].map((text) => ({ command: 'read', text })),
    );
    const opened = await psyml(mine.map((text) => ({ command: 'decrypt', text })));
    const openedRead = await psyml(opened.map(({ text = '' }) => ({ command: 'read', text })));
    for (const [index, { what }] of files.entries()) {
      const [a, b] = [read[index]?.value as Read, read[files.length + index]?.value as Read];
      t.same(withoutCiphertext(b), withoutCiphertext(a), `${what}: the same fields`);
      const wanted = readSecretsFile(plain[index] as string, what).parameters.map(({ name, value }) => [name, value]);
      const valuesOf = (value: unknown) => (value as Read).parameters.map(({ name, value }) => [name, String(value)]);
      t.same(valuesOf(openedRead[index]?.value), wanted, `${what}: psyml opens what Keystead sealed`);
      const back = await ours(t, 'decrypt', theirs[index]?.text as string);
      const texts = readSecretsFile(back, what).parameters.map(({ name, value }) => [name, value]);
      t.same(texts, wanted, `${what}: Keystead opens what psyml sealed`);
      const again = await ours(t, 'encrypt', theirs[index]?.text as string);
      t.equal(again, theirs[index]?.text, `${what}: what is sealed already stays to the byte`);
    }
  });

  await t.test('export gives the very lines of psyml', async (t) => {
    const plain = files.map(({ text, path }) => at(text, path));
    const theirs = await psyml(plain.map((text) => ({ command: 'export', text })));
    for (const [index, { what }] of files.entries()) {
      t.equal(await ours(t, 'export', plain[index] as string), theirs[index]?.text, what);
    }
  });

  await t.test('after an alias has moved each refreshes what the other sealed', async (t) => {
    const next = await admin.create();
    const plain = at(FILES['thirty parameters'] as string, '/r');
    const sealed = await ours(t, 'encrypt', plain);
    await admin.moveAlias(alias, next.id);
    const [theirs] = await psyml([{ command: 'refresh', text: sealed }]);
    const mine = await ours(t, 'refresh', sealed);
    for (const text of [theirs?.text as string, mine]) {
      t.equal(readSecretsFile(text, 'f').header.encrypted_with, next.arn);
      const back = readSecretsFile(await ours(t, 'decrypt', text), 'f').parameters.map(({ value }) => value);
      t.same(
        back,
        readSecretsFile(plain, 'f').parameters.map(({ value }) => value),
      );
    }
    t.equal(await ours(t, 'refresh', mine), mine, 'a second time nothing changes');
  });

  await t.test('whatever text Keystead writes, PyYAML reads', async (t) => {
    const unit = fc.constantFrom(
      'a',
      ' ',
      '\n',
      '#',
      ':',
      "'",
      '"',
      '\\',
      '-',
      '\t',
      '🎉',
      '\u2028',
      '\x85',
      '\ufeff',
      '0',
      '|',
      '%',
      '{',
      ',',
      'é',
    );
    const texts = [
      ...fc.sample(fc.string({ unit }), 300),
      ...fc.sample(fc.string({ unit: 'binary' }), 100).filter((text) => text.isWellFormed()),
    ];
    const lines = texts.map((_, n) => `- name: n${n}\n  description: d\n  type: String\n  value: x\n`).join('\n');
    const file = readSecretsFile(`path: /a\nregion: r\nkmskey: k\nparameters:\n${lines}`, 'f');
    const written = rewrite(file, { parameters: new Map(texts.map((value, n) => [n, { value }])) });
    const [answer] = await psyml([{ command: 'read', text: written }]);
    t.same(
      ((answer as { value: unknown }).value as Read).parameters.map(({ value }) => value),
      texts,
    );
  });
});

/** Values as psyml stores them; ciphertext left out; the path as it is used. */
function withoutCiphertext({ parameters, path, ...rest }: Read): object {
  return {
    ...rest,
    path: `${path.replace(/\/+$/, '')}/`,
    parameters: parameters.map(({ value, ...parameter }) =>
      parameter.type === 'securestring' ? parameter : { ...parameter, value: String(value) },
    ),
  };
}
