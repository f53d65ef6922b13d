import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { looksLikeSecrets, secretsFilesIn } from '../../../src/cli/secrets/folders.ts';
import { failure } from '../../support/failure.ts';

const OWN = 'path: /a\nkek: kms://cluster-kms\nparameters: []\n';
const PSYML = `path: /a
region: r
kmskey: k
parameters:
- {name: a, description: d, type: SecureString, value: hunter2}
`;

t.test('a secrets file is told from its fields, however it is written', async (t) => {
  const texts = {
    OWN,
    PSYML,
    JSON: '{"path":"/a","parameters":[]}',
    brackets: '# c\n{path: /a, parameters: []}\n',
    quotes: '"path": /a\n\'parameters\' : []\n',
    indented: OWN.replace(/^/gm, '  '),
    CRLF: OWN.replaceAll('\n', '\r\n'),
    'what stands before': `\ufeff# c\n\n%YAML 1.1\n--- # c\n${OWN}`,
    'on the line of the marker': '--- {path: /a, parameters: []}\n',
    'a damaged one, with a secret': PSYML.replace('parameters', '  parameters').replace('path', '  path'),
    'one in conflict': `<<<<<<< ours\n${PSYML}`,
  };
  for (const [what, text] of Object.entries(texts)) t.ok(looksLikeSecrets(text), what);
});

t.test('YAML of others that has fields of these names is passed over', async (t) => {
  const circle = 'version: 2.1\nparameters:\n  run: {type: boolean}\njobs:\n  build:\n    steps:\n    - path: /tmp\n';
  const argo =
    'kind: Workflow\nspec:\n  inputs:\n    parameters:\n    - name: a\n    artifacts:\n    - {name: b, path: /tmp}\n';
  for (const text of [circle, argo, 'spec: {parameters: [], path: x}\n', 'a: b\n', '']) t.notOk(looksLikeSecrets(text));
});

t.test('a folder that may not be read is told as such', async (t) => {
  const dir = t.testdir({ closed: {} });
  const closed = join(dir, 'closed');
  chmodSync(closed, 0);
  const nobody = 65534;
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody); // root may read everything
  try {
    await t.rejects(secretsFilesIn([dir]), failure('cannot-read', /EACCES/));
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(closed, 0o700);
  }
});
