/** The partition that a region is in: credentials of one are good in no other. */
export function partitionOf(region = ''): string {
  const [, part] = /^(cn|us-gov|us-iso[a-z]?|eu-isoe|eusc)-/.exec(region) ?? [];
  if (part === undefined) return 'aws';
  const named: Readonly<Record<string, string>> = {
    'us-iso': 'aws-iso',
    'us-isob': 'aws-iso-b',
    'us-isof': 'aws-iso-f',
    'eu-isoe': 'aws-iso-e',
    eusc: 'aws-eusc',
  };
  return named[part] ?? `aws-${part}`;
}
