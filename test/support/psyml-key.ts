import { keyAdmin, unique } from '../providers/aws/aws.ts';

/** Where psyml has its key unless it is told otherwise. */
export const PSYML_REGION = 'ap-southeast-2';

/** A new key on moto under a new alias, and what a process needs in its environment to seal with it in psyml's format. */
export async function psymlKey(t: { teardown(fn: () => unknown): unknown }, emulated: Record<string, string>) {
  const alias = `alias/${unique('psyml')}`;
  const admin = keyAdmin(t, emulated, PSYML_REGION);
  await admin.alias(alias, (await admin.create()).id);
  const env = {
    AWS_ENDPOINT_URL: emulated['AWS_ENDPOINT_URL'] as string,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    PSYML_KEY_ALIAS: alias,
    PSYML_KEY_REGION: PSYML_REGION,
  };
  return { admin, alias, env };
}
