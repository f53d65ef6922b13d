import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { keystead } from '../../cli/terminal.ts';
import { keyAdmin, REGION, unique } from '../../providers/aws/aws.ts';
import { emulators } from '../../support/emulators.ts';
import { psymlKey } from '../../support/psyml-key.ts';
import { realPsyml } from './psyml.ts';

/** Files as people write them; PATH is where the parameters go, KEY the key of the store. */
export const FILES: Readonly<Record<string, string>> = {
  'comments, tags, several lines': `# settings
path: PATH
region: ${REGION}
kmskey: KEY
tags:
  team: web   # who pays
  env: "true"
parameters:
  - name: port
    description: ''
    type: String
    value: 8080

  - name: db/password
    description: "Login: the shop's database"
    type: SecureString
    value: "correct horse # battery"
  - name: tls_key
    description: >
      folded
      text
    type: SecureString
    value: |+
      -----BEGIN-----
        indented

      -----END-----

  - {name: flow, description: d, type: SecureString, value: 'it''s'}
`,
  'texts that look like something else': `path: PATH
region: ${REGION}
kmskey: KEY
parameters:
${[
  'true',
  '010',
  '1e3',
  'null',
  '~',
  '12:30:45',
  '2020-01-01',
  '<<',
  '=',
  'y',
  '0o17',
  '.inf',
  '- a',
  'a: b',
  '#x',
  ' x ',
  '',
]
  .map(
    (text, n) =>
      `- {name: q${n}, description: d, type: ${text === '' ? 'String' : 'SecureString'}, value: ${JSON.stringify(text === '' ? 'x' : text)}}`,
  )
  .join('\n')}
- {name: e3, description: d, type: SecureString, value: 1e3}
- {name: oct, description: d, type: SecureString, value: 0o17}
`,
  'emoji, anchors and merge keys': `path: PATH
region: ${REGION}
kmskey: KEY
parameters:
- &base
  name: one
  description: &d 'ü 🎉 end'
  type: SecureString
  value: &v "s 🎉 \\u00fc \\U0001F389"
- <<: *base
  name: two
- name: three
  description: *d
  type: SecureString
  value: *v
- <<: *base
  name: four
  type: String
  value: plain
`,
  JSON: JSON.stringify({
    path: 'PATH',
    region: REGION,
    kmskey: 'KEY',
    parameters: [
      { name: 'a', description: 'd', type: 'SecureString', value: 'x"y\\z\n\ttab' },
      { name: 'b', description: 'd', type: 'String', value: 'ü' },
    ],
  }),
  'thirty parameters': `path: PATH
region: ${REGION}
kmskey: KEY
parameters:
${Array.from({ length: 30 }, (_, n) => `- name: p${n}\n  description: number ${n}\n  type: ${n % 3 === 0 ? 'String' : 'SecureString'}\n  value: ${randomBytes(12).toString('hex')}x`).join('\n')}
`,
};
export const WITH_CRLF = `\ufeff${Object.values(FILES)[0]?.replaceAll('\n', '\r\n')}`;

/** Both programs on one emulator, with the same keys; undefined where one of them cannot be had. */
export async function bothPrograms(t: Test) {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return undefined;
  const { admin, alias, env: variables } = await psymlKey(t, env);
  const storeKey = `alias/${unique('store')}`;
  const storeAdmin = keyAdmin(t, env);
  await storeAdmin.alias(storeKey, (await storeAdmin.create()).id);
  // The SDK reads the variables of the process.
  Object.assign(process.env, variables);
  const psyml = await realPsyml(t, variables);
  if (psyml === undefined) return undefined;
  return {
    admin,
    alias,
    psyml,
    endpoint: variables.AWS_ENDPOINT_URL,
    /** A file, with the path and the key of the store put in. */
    at: (text: string, path: string) => text.replaceAll('PATH', path).replaceAll('KEY', storeKey),
    async ours(t: Test, verb: string, text: string): Promise<string> {
      const answer = await keystead(['secrets', verb, '-'], { env: variables, stdin: text });
      t.equal(answer.status, 0, `${verb}: ${answer.stderr}`);
      return answer.stdout;
    },
  };
}
