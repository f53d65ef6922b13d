import type { Principal } from './call.ts';

/** What can be asked of the service. */
export type Action =
  | 'data-key.get'
  | 'data-key.create'
  | 'data-key.list'
  | 'data-key.describe'
  | 'data-key.rotate'
  | 'data-key.rewrap'
  | 'data-key.delete'
  | 'data-key.restore'
  | 'data-key.verify'
  | 'system.bootstrap';

export interface Decision {
  readonly allowed: boolean;
  /** The rule that decided, for the audit line. */
  readonly rule: string;
}

/** Who may do what to which. Pure: the same arguments give the same decision. Default deny. */
export interface Policy {
  decide(principal: Principal, action: Action, resource: string): Decision;
}

/** The groups whose members may do everything: the development server's own user, and the holder of the admin token. */
export const ADMIN_GROUP = 'keystead:admins';

/** Members of the admin group may do everything, everybody else nothing. */
export const adminsOnly: Policy = {
  decide: (principal) =>
    principal.groups.includes(ADMIN_GROUP)
      ? { allowed: true, rule: 'admins' }
      : { allowed: false, rule: 'default-deny' },
};
