import type { Principal } from '../core/call.ts';
import { ADMIN_GROUP } from '../core/policy.ts';

/** A development server's caller: whoever reaches loopback is the local principal, with all rights. */
export const LOCAL: Principal = { kind: 'local', name: 'local', groups: [ADMIN_GROUP] };
