import type { Listener, Principal } from './call.ts';

/** What can be asked of the service. */
export const ACTIONS = [
  'data-key.get',
  'data-key.create',
  'data-key.list',
  'data-key.describe',
  'data-key.rotate',
  'data-key.rewrap',
  'data-key.delete',
  'data-key.restore',
  'data-key.verify',
  'kek.seal',
  'kek.open',
  'kek.rewrap',
  'kek.mac',
  'kek.verify-mac',
  'kek.generate-data-key',
  'system.inspect',
  'system.bootstrap',
  'system.seal',
  'system.unseal',
  'system.rotate-kek',
  'system.drill',
  'policy.explain',
] as const;

export type Action = (typeof ACTIONS)[number];

export interface Decision {
  readonly allowed: boolean;
  /** The rule that decided, for the audit line. */
  readonly rule: string;
}

/** What a policy is asked. */
export interface PolicyRequest {
  readonly principal: Principal;
  readonly action: Action;
  /** An id; or, of scope `prefix`, what all the ids begin with that the action reaches (the empty text: all ids). */
  readonly resource: string;
  readonly scope: 'id' | 'prefix';
  readonly listener: Listener;
  readonly time: Date;
  /** Bytes of the key that is asked for. */
  readonly length?: number | undefined;
  /** What the caller wants bound to the operation. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

/** Who may do what to which. Pure: the same request gets the same decision. Default deny. */
export interface Policy {
  decide(request: PolicyRequest): Decision;
}

/** The groups whose members may do everything: the development server's own user, and the holder of the admin token. */
export const ADMIN_GROUP = 'keystead:admins';

/** Members of the admin group may do everything, everybody else nothing. */
export const adminsOnly: Policy = {
  decide: ({ principal }) =>
    principal.groups.includes(ADMIN_GROUP)
      ? { allowed: true, rule: 'admins' }
      : { allowed: false, rule: 'default-deny' },
};
