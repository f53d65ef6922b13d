import { providersOf, type Scheme, schemaOf } from '../../src/core/uri-schemas.ts';

/** The rows that docs/reference/uris.md shows under `### \`scheme://provider\``: written from the schema. */
export function uriTable(scheme: Scheme, provider: string): string {
  const schema = schemaOf(scheme, provider);
  if (schema === undefined || schema.fields.size === 0) return '';
  const rows = [...schema.fields].map(([name, field]) => {
    const needed = schema.required.includes(name) ? 'yes' : field.default === undefined ? '' : `\`${field.default}\``;
    const secret = field.secret === undefined ? '' : 'secret';
    return `| \`${name}\` | ${needed} | ${secret} | ${field.description} | ${field.form} |`;
  });
  return ['| name | needed, or default | | what it is | value |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}

/** Every scheme with every provider. */
export function everyProvider(): { scheme: Scheme; provider: string }[] {
  return (['kms', 'storage', 'parameters'] as const).flatMap((scheme) =>
    providersOf(scheme).map((provider) => ({ scheme, provider })),
  );
}
