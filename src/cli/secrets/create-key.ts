import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Io } from '../io.ts';

/** Where a right is missing, or was missing once the key was made. */
const HALF_DONE = ['provider-denied', 'key-unnamed'] as const;
const RIGHTS =
  'kms:DescribeKey, kms:ListKeys, kms:ListAliases, kms:ListResourceTags, kms:CreateKey, kms:TagResource, kms:CreateAlias and kms:ScheduleKeyDeletion';
const WAY_OUT = `let somebody who has ${RIGHTS} run this once; as another role: keystead access exec … -- keystead secrets …`;

/**
 * Makes the local key and its alias, and gives its ARN. One that an earlier run made and could not name is taken.
 * Throws `provider-denied` or `key-unnamed`, with the right that is missing and whom to ask.
 */
export async function createLocalKey(
  { alias, region }: { readonly alias: string; readonly region: string },
  io: Io,
  call: Call,
): Promise<string> {
  const { openKeyAdmin } = await import('../../providers/open.ts');
  const { secretSource } = await import('../../wiring/system.ts');
  if (!alias.startsWith('alias/')) {
    throw new KeysteadError('bad-usage', `--create-key makes a key for an alias, and ${alias} is none`);
  }
  const uri = { scheme: 'kms', provider: 'aws', keyName: alias, region } as const;
  const admin = await openKeyAdmin(uri, { secrets: secretSource(io.env) });
  try {
    const made = await admin.create(alias, { description: 'secrets files' }, call);
    return made.resource;
  } catch (error) {
    if (!(error instanceof KeysteadError) || !(HALF_DONE as readonly string[]).includes(error.reason)) throw error;
    throw error.saying(`${error.message}; ${WAY_OUT}`);
  } finally {
    await admin.close();
  }
}
