import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';

const KINDS = ['service-account', 'oidc', 'certificate', 'token', 'anonymous'] as const;

/**
 * A caller as its name says: `system:serviceaccount:NS:NAME`, `spiffe://…`, `dns:NAME`, `sha256:HEX`, `anonymous`; with
 * its kind in front where the name does not tell, as in `token:ci` and `oidc:issuer:subject`.
 */
export function principalOf(text: string, groups: readonly string[]): Principal {
  const given = KINDS.find((kind) => text.startsWith(`${kind}:`));
  const name = given === undefined ? text : text.slice(given.length + 1);
  const kind = given ?? kindOf(name);
  if (kind === undefined || name === '') {
    throw new KeysteadError('bad-usage', `say of which kind the caller is: ${KINDS.slice(0, 4).join(':NAME, ')}:NAME`);
  }
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  if (kind !== 'service-account') return { kind, name, groups };
  if (namespace === undefined || serviceAccount === undefined) {
    throw new KeysteadError('bad-usage', 'the name of a ServiceAccount is system:serviceaccount:NAMESPACE:NAME');
  }
  return { kind, name, groups, namespace, serviceAccount };
}

function kindOf(name: string): Principal['kind'] | undefined {
  if (name.startsWith('system:serviceaccount:')) return 'service-account';
  if (/^(spiffe:\/\/|dns:|sha256:)/.test(name)) return 'certificate';
  return name === 'anonymous' ? 'anonymous' : undefined;
}
