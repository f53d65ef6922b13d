import { type Parameter, type SecretsFile, shown, storePath } from './secrets-file.ts';

/** Bytes that KMS Encrypt takes. */
const MAX_ENCRYPT = 4096;
/** Bytes of a value by tier of the parameter store. */
const TIER_SIZE: Readonly<Record<string, number>> = { Standard: 4096, Advanced: 8192, 'Intelligent-Tiering': 8192 };
const MAX_NAME = 1011;
const MAX_LEVELS = 15;
const MAX_DESCRIPTION = 1024;
const MAX_TAGS = 50;
const MAX_LABELS = 10;

/** Refuses what the parameter store of AWS would refuse of names, before any call is made. */
export function assertNames(file: SecretsFile, parameters = file.parameters): void {
  const path = storePath(file);
  for (const parameter of parameters) {
    const problem = nameProblem(path + parameter.name, parameter.name);
    if (problem !== undefined) throw refuse(file, parameter, problem);
  }
}

/** Refuses secrets that cannot be encrypted: empty ones, and those that KMS Encrypt does not take. */
export function assertSealable(file: SecretsFile, parameters: readonly Parameter[]): void {
  for (const parameter of parameters) {
    const bytes = Buffer.byteLength(parameter.value);
    if (bytes === 0) throw refuse(file, parameter, 'the secret is empty');
    if (file.format === 'psyml' && bytes > MAX_ENCRYPT) {
      throw refuse(file, parameter, `the secret has ${bytes} bytes, and KMS encrypts ${MAX_ENCRYPT} at most`);
    }
  }
}

/** Refuses what the parameter store of AWS would refuse of a parameter. `bytes`: of the plain value. */
export function assertStorable(file: SecretsFile, sizes: readonly number[]): void {
  assertNames(file);
  if ((file.tags?.size ?? 0) > MAX_TAGS) throw file.fail(`there are more than ${MAX_TAGS} tags`);
  for (const [index, parameter] of file.parameters.entries()) {
    const tier = parameter.extras.tier ?? 'Standard';
    const most = TIER_SIZE[tier];
    const bytes = sizes[index] ?? 0;
    if (most === undefined) {
      throw refuse(file, parameter, `the tier is none of ${Object.keys(TIER_SIZE).join(', ')}`);
    }
    if (bytes === 0) throw refuse(file, parameter, 'the value is empty, which the parameter store does not take');
    if (bytes > most) {
      throw refuse(file, parameter, `the value has ${bytes} bytes, and the tier ${tier} takes ${most} at most`);
    }
    if (parameter.description.length > MAX_DESCRIPTION) {
      throw refuse(file, parameter, `the description has more than ${MAX_DESCRIPTION} characters`);
    }
    const problem = labelProblem(labelsOf(parameter) ?? []);
    if (problem !== undefined) throw refuse(file, parameter, problem);
  }
}

/** The labels of a parameter, sorted; undefined where the file says nothing of them. */
export function labelsOf({ extras: { labels } }: Parameter): string[] | undefined {
  if (labels === undefined) return undefined;
  const given = labels.split(',').map((label) => label.trim());
  return [...new Set(given.filter((label) => label !== ''))].sort();
}

/** AWS writes the value all the same, and tells of such a label in the answer alone. */
function labelProblem(labels: readonly string[]): string | undefined {
  if (labels.length > MAX_LABELS) return `there are more than ${MAX_LABELS} labels`;
  const bad = labels.find((label) => !/^(?!aws|ssm)[a-z_.-][a-z0-9_.-]{0,99}$/i.test(label));
  if (bad === undefined) return undefined;
  return `the label ${shown(bad)} is not one: it has 1 to 100 of a-z A-Z 0-9 _ . - and begins with no digit, aws or ssm`;
}

function nameProblem(full: string, name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(full)) return 'the name has characters other than a-z A-Z 0-9 _ . - /';
  if (!full.startsWith('/')) return 'the name begins without a slash; let path begin with one';
  if (full.includes('//') || full.endsWith('/')) return 'the name has an empty level';
  if (full.split('/').length - 1 > MAX_LEVELS) return `the name has more than ${MAX_LEVELS} levels`;
  if (/^\/?(?:aws|ssm)/i.test(full)) return 'the name begins with aws or ssm, which AWS keeps for itself';
  if (full.length > MAX_NAME) return `the name has more than ${MAX_NAME} characters`;
  return undefined;
}

function refuse(file: SecretsFile, { name, line }: Parameter, what: string) {
  return file.fail(`parameter ${shown(name)}: ${what}`, line);
}
