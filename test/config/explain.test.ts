import t from 'tap';
import { explainConfig, explainedText } from '../../src/config/explain.ts';
import { resolveConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/settings.ts';

const SECRET = 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY';
const resolved = resolveConfig({
  flags: { config: 'k.yaml', kms: `kms://aws?keyName=alias/disk&accessKeyID=AKIAEXAMPLE&accessKey=${SECRET}` },
  env: { KEYSTEAD_LOG_LEVEL: 'warn' },
  readFile: () => Buffer.from('dev: true\n'),
});

t.test('every setting is explained with its source and its other names', async (t) => {
  const explained = explainConfig(resolved);
  t.same(
    explained.map(({ key }) => key),
    SETTINGS.map(({ key }) => key),
  );
  t.hasStrict(
    explained.find(({ key }) => key === 'log.level'),
    { value: 'warn', source: 'KEYSTEAD_LOG_LEVEL', env: 'KEYSTEAD_LOG_LEVEL', flag: '--log-level' },
  );
  t.hasStrict(
    explained.find(({ key }) => key === 'dev'),
    { value: true, source: 'k.yaml:1' },
  );
  t.same(
    explained.find(({ key }) => key === 'kek.dir'),
    { key: 'kek.dir', source: 'not set', env: 'KEYSTEAD_KEK_DIR', flag: '--kek-dir' },
  );
});

t.test('no credential is shown', async (t) => {
  const explained = explainConfig(resolved);
  const text = JSON.stringify(explained) + explainedText(explained);
  t.match(text, 'kms://aws?');
  t.match(text, 'REDACTED');
  t.notOk(text.includes(SECRET));
});

t.test('the text has a line per setting, in columns', async (t) => {
  const lines = explainedText(explainConfig(resolved)).trimEnd().split('\n');
  t.equal(lines.length, SETTINGS.length);
  const column = lines[0]?.indexOf('--kms');
  t.ok(lines.every((line) => line.slice(0, column).endsWith('  ')));
  t.match(lines.at(-1), /^log\.level +warn +KEYSTEAD_LOG_LEVEL$/);
});
