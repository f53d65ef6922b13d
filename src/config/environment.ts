import { didYouMean } from './did-you-mean.ts';
import type { Given, Offer, Problem } from './given.ts';
import { SETTINGS } from './settings.ts';
import { readText } from './value.ts';

/** The variables of the client commands: known, and none of the service's business. */
export const CLIENT_VARIABLES = [
  'KEYSTEAD_SERVER',
  'KEYSTEAD_TOKEN_FILE',
  'KEYSTEAD_CA_FILE',
  'KEYSTEAD_CERT_FILE',
  'KEYSTEAD_KEY_FILE',
] as const;

/** The variables of `keystead secrets` alone. */
export const SECRETS_VARIABLES = [
  'KEYSTEAD_SECRETS_KEK',
  'KEYSTEAD_SECRETS_KEY_ALIAS',
  'KEYSTEAD_SECRETS_KEY_REGION',
] as const;

/** The variable that names the configuration file. */
export const CONFIG_VARIABLE = 'KEYSTEAD_CONFIG';

// Kubernetes gives every pod these variables for each Service, so a Service named keystead or keystead-… must not
// stop the service of that name.
const SERVICE_LINK =
  /^KEYSTEAD_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/** The settings that `KEYSTEAD_…` variables give. An unknown one is a problem: it is most probably misspelt. */
export function environmentValues(env: Readonly<Record<string, string | undefined>>): Offer {
  const given: Given[] = [];
  const problems: Problem[] = [];
  const known = [...SETTINGS.map((setting) => setting.env), CONFIG_VARIABLE, ...CLIENT_VARIABLES, ...SECRETS_VARIABLES];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('KEYSTEAD_') || text === undefined) continue;
    const source = { kind: 'environment', name } as const;
    const setting = SETTINGS.find((one) => one.env === name);
    if (setting !== undefined) {
      given.push({ setting, source, read: readText(setting.schema, text) });
    } else if (name === CONFIG_VARIABLE) {
      if (text === '') problems.push({ source, text: 'must be the path of a file, but it is empty' });
    } else if (!known.includes(name) && !SERVICE_LINK.test(name)) {
      problems.push({ source, text: `there is no such variable${didYouMean(name, known)}` });
    }
  }
  const config = env[CONFIG_VARIABLE];
  return { given, problems, ...(config ? { config } : {}) };
}
