import type { Authenticator } from '../core/authenticator.ts';
import type { Principal } from '../core/call.ts';
import { ADMIN_GROUP } from '../core/policy.ts';

const LOCAL: Principal = { kind: 'local', name: 'local', groups: [ADMIN_GROUP] };

/** A development server's caller: whoever reaches loopback is the local principal, with all rights. */
export const local: Authenticator = { authenticate: async () => LOCAL };
