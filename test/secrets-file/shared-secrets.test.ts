import t from 'tap';
import { problemsOf } from '../../src/secrets-file/check.ts';
import { assertEncryptable } from '../../src/secrets-file/encrypt.ts';
import { readSecretsFile } from '../../src/secrets-file/secrets-file.ts';
import { failure } from '../support/failure.ts';

const fileOf = (top: string, ...parameters: string[]) =>
  readSecretsFile(
    `path: /a\nregion: r\n${top}\nparameters:\n${parameters.map((one) => `  - {${one}}\n`).join('')}`,
    'f.yml',
  );
const one = (value: string, description = "''") =>
  `name: one, type: SecureString, value: ${value}, description: ${description}`;
const two = (description: string, value = 'open', type = 'String') =>
  `name: two, type: ${type}, value: ${value}, description: ${description}`;
const demands = { sameKek: () => true };

t.test('a text that is a secret elsewhere in the file is refused, and not shown', async (t) => {
  for (const [what, file, line] of [
    ['a description that is an alias of a secret', fileOf('kmskey: k', one('&v hunter2'), two('*v')), 6],
    ['a secret that is an alias of a description', fileOf('kmskey: k', two('&v hunter2'), one('*v')), 5],
    ['its own description', fileOf('kmskey: k', one('*v', '&v hunter2').replace(/(, value: \*v)(.*)/, '$2$1')), 5],
    ['a tag', fileOf('kmskey: k\ntags: {a: &v hunter2}', one('*v')), 4],
    ['a field of the file', fileOf('kmskey: &v hunter2', one('*v')), 3],
  ] as const) {
    const says = new RegExp(`^f\\.yml: line ${line}: the text here is that of the secret "one"`);
    t.throws(() => assertEncryptable(file), failure('bad-secrets-file', says), what);
    const found = problemsOf(file, demands).filter(({ message }) => /of the secret "one"/.test(message));
    t.match(found, [{ line }], what);
    t.notMatch(found, [{ message: /hunter2/ }]);
  }
});

t.test('values may share a text, and so may everything that is no secret', async (t) => {
  for (const file of [
    fileOf('kmskey: k', one('&v hunter2'), two("''", '*v', 'SecureString')),
    fileOf('kmskey: k', two("''", '&v shared'), one('*v')),
    fileOf('kmskey: &k k', one('x', '&d about'), two('*d'), 'name: three, type: String, value: *k, description: *d'),
  ]) {
    t.doesNotThrow(() => assertEncryptable(file));
  }
  const sealed = fileOf('kmskey: k', one('&v Q1==').replace('SecureString', 'securestring'), two('*v'));
  t.doesNotThrow(() => assertEncryptable(sealed), 'what is sealed is no secret');
});
