import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Io } from '../io.ts';

/** Makes the local key and its alias, and gives its ARN. */
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
    if (!(error instanceof KeysteadError) || error.reason !== 'provider-denied') throw error;
    throw new KeysteadError(
      'provider-denied',
      `${error.message}; let a role with kms:CreateKey, kms:CreateAlias, kms:TagResource, kms:ListAliases and kms:DescribeKey run this once`,
      { cause: error },
    );
  } finally {
    await admin.close();
  }
}
