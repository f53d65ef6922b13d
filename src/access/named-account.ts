import type { Call } from '../core/call.ts';
import type { AwsAccess } from '../core/roles.ts';
import type { AccountAccess, AccountSession } from './account-access.ts';

/** An account behind a name: the session is found when credentials are first asked for, and renewed from then on. */
export function namedAccount(
  access: AccountAccess,
  to: { readonly account: string; readonly region?: string },
  call: Call,
): AwsAccess {
  let opening: Promise<AccountSession> | undefined;
  const open = () => {
    opening ??= access.session(to.account, to.region, call).catch((error: unknown) => {
      opening = undefined; // the next call tries again
      throw error;
    });
    return opening;
  };
  return { region: to.region, credentials: async () => (await open()).renewed(call) };
}
