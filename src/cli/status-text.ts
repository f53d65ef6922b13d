import type {
  AuthenticatorStatus,
  DoorReport,
  FileInForce,
  ServiceStatus,
  TlsStatus,
} from '../client/service-status.ts';
import { entries } from './output.ts';

/** What a service says of itself, for people. */
export function statusText(status: ServiceStatus): string {
  const { kek, kekSecret, startedAt, doors, policy, auth, callers, tls, ...rest } = status;
  return entries({
    ...rest,
    'kek fingerprint': kek?.fingerprint,
    'kek version': kek?.version,
    'kek secret': kekSecret && `${kekSecret.name}: ${kekSecret.state} since ${kekSecret.since}`,
    'kek secret problem': kekSecret?.problem,
    policy: policy && `${number(policy.rules, 'rule')}, ${inForce(policy)}`,
    'policy problem': policy?.problem,
    auth: auth && `${number(auth.authenticators, 'authenticator')}, ${inForce(auth)}`,
    'auth problem': auth?.problem,
    callers: status.development ? 'everybody, with every right' : callers === undefined ? UNTOLD : undefined,
    'admin token': callers && (callers.adminToken ? 'accepted' : 'none is configured'),
    ...Object.fromEntries(callers?.authenticators.map(authenticatorEntry) ?? []),
    tls: tls === undefined ? 'off' : tlsInWords(tls),
    'tls problem': tls?.problem,
    'started at': startedAt,
    ...Object.fromEntries(doors.flatMap(doorEntries)),
  });
}

const UNTOLD = 'told to those whom the policy allows system.inspect; give --token-file';

function number(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function inForce({ loadedAt, sha256 }: FileInForce): string {
  return `read ${loadedAt}, SHA-256 ${sha256}`;
}

function authenticatorEntry({ name, ...entry }: AuthenticatorStatus): [string, string] {
  const { kind, issuer, audiences, review, by, tokens, listeners } = entry;
  const facts = [
    ...(issuer === undefined ? [] : [`of ${issuer}`]),
    ...(audiences === undefined ? [] : [`for ${audiences.join(' or ')}`]),
    ...(review === true ? ['each asked about by TokenReview'] : []),
    ...(by === undefined ? [] : [`by ${by}`]),
    ...(tokens === undefined ? [] : [number(tokens, 'token')]),
    ...(listeners === undefined ? [] : [`on ${listeners.join(' and ')}`]),
  ];
  return [`callers by ${name}`, [kind, ...facts].join(', ')];
}

function tlsInWords({ clientCertificates, notAfter }: TlsStatus): string {
  const clients = clientCertificates === undefined ? '' : `, client certificates: ${clientCertificates}`;
  return `on, the certificate expires ${notAfter}${clients}`;
}

function doorEntries({ name, state, since, latencyMs, operation, lastError, lastErrorAt }: DoorReport) {
  const check = [`${name} check`, `${state} since ${since}, ${latencyMs} ms`] as const;
  return lastError === undefined ? [check] : [check, [`${name} error`, `${operation} at ${lastErrorAt}: ${lastError}`]];
}
