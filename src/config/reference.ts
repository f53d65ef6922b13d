import { CLIENT_VARIABLES, CONFIG_VARIABLE, SECRETS_VARIABLES } from './environment.ts';
import { SETTINGS, type Setting } from './settings.ts';
import { expectation } from './value.ts';

/** The reference page `docs/reference/configuration.md`, made from the schema. */
export function configurationReference(): string {
  return `${[
    '# Configuration',
    'This page is generated from `src/config/schema.ts` by `npm run docs:config`.',
    'A setting has one name in three forms: `http.listen` in the file, `KEYSTEAD_HTTP_LISTEN` in the environment and `--http-listen` on the command line of `keystead serve`.',
    'Flags win over the environment, the environment over the file, the file over the defaults. ' +
      `The file is named by \`--config FILE\` or \`${CONFIG_VARIABLE}\`; it is YAML 1.2, see the [annotated sample](keystead.yaml).`,
    'Nothing is guessed: an unknown name, a name given twice, an empty variable or a value of the wrong kind stops the start (exit status 64) with a list of all problems and where each comes from. ' +
      '`keystead config explain` prints every value and its source, without secrets. ' +
      'A true-or-false flag stands alone: `--dev` is true, `--no-dev` is false; its variable takes `true`, `false`, `1` or `0`.',
    'Secrets do not stand in the configuration: it names files, and URIs may refer to them with `env://NAME` or `file:///path`.',
    ['| file | environment | flag | default | takes |', '| --- | --- | --- | --- | --- |', ...SETTINGS.map(row)].join(
      '\n',
    ),
    ...SETTINGS.map(section),
    '## Other variables',
    `The client commands read ${names(CLIENT_VARIABLES)} (see [the command line](cli.md)), and [\`keystead secrets\`](secrets.md) ${names(SECRETS_VARIABLES)}. ` +
      'A variable that a URI refers to by `env://NAME` may have any name. ' +
      'Variables that Kubernetes makes for a Service named `keystead` or `keystead-…`, such as `KEYSTEAD_SERVICE_HOST` and `KEYSTEAD_PORT_8080_TCP`, are left alone. ' +
      'Every other variable that begins with `KEYSTEAD_` is refused.',
  ].join('\n\n')}\n`;
}

const names = (variables: readonly string[]) => variables.map((name) => `\`${name}\``).join(', ');

/**
 * The annotated sample file `docs/reference/keystead.yaml`, made from the schema: every default stands in it, every
 * setting without one is there as a comment.
 */
export function sampleFile(): string {
  const lines = [
    '# Keystead configuration: every setting with its default; settings without a default are commented out.',
    '# Generated from src/config/schema.ts by `npm run docs:config`. Use: keystead serve --config keystead.yaml',
  ];
  let group = '';
  for (const setting of SETTINGS) {
    const above = setting.path.slice(0, -1);
    if (above.join('.') !== group || above.length === 0) lines.push('');
    if (above.length > 0 && above.join('.') !== group) lines.push(`${above.at(-1)}:`);
    group = above.join('.');
    lines.push(...sampleLines(setting).map((line) => '  '.repeat(above.length) + line));
  }
  return `${lines.join('\n')}\n`;
}

function sampleLines({ path, schema }: Setting): string[] {
  const value = schema.default ?? schema.examples?.[0];
  const entry = `${path.at(-1)}: ${typeof value === 'string' ? JSON.stringify(value) : value}`;
  return [`# ${schema.description}`, schema.default === undefined ? `# ${entry}` : entry];
}

function row({ key, env, flag, schema }: Setting): string {
  const shown = schema.default === undefined ? '–' : `\`${schema.default}\``;
  return `| \`${key}\` | \`${env}\` | \`--${flag}\` | ${shown} | ${expectation(schema)} |`;
}

function section({ key, schema }: Setting): string {
  return `## \`${key}\`\n\n${schema.description}`;
}
