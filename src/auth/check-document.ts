import { KeysteadError } from '../core/errors.ts';
import { ADMIN_GROUP } from '../core/policy.ts';
import { serviceUrl } from '../net/json-request.ts';
import type { AuthDocument, CertificateEntry, KeysEntry, TokenEntry } from './schema.ts';

/** What is wrong with an auth file beyond its form, and where: `authenticators[3].names`. */
export interface AuthProblem {
  readonly path: string;
  readonly text: string;
}

type Tell = (path: string, text: string) => void;

/** First words of the names of other callers, and callers of the service itself. */
const RESERVED = new Set(['system', 'spiffe', 'dns', 'sha256', 'keystead', 'admin', 'local', 'anonymous']);
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const NAMES: Readonly<
  Record<CertificateEntry['by'], { readonly form: RegExp; readonly what: string; readonly prefix: string }>
> = {
  spiffe: { form: /^spiffe:\/\/[^A-Z]/, what: 'a SPIFFE ID, such as spiffe://example.org/backup', prefix: '' },
  dns: { form: /^[a-z0-9._*-]+$/, what: 'a DNS name in lower case', prefix: 'dns:' },
  'public-key': { form: /^[0-9a-f]{64}$/, what: '64 lower-case hex digits', prefix: 'sha256:' },
};

/** Everything that no schema can tell. Pure. */
export function checkDocument({ authenticators }: AuthDocument): AuthProblem[] {
  const problems: AuthProblem[] = [];
  const tell: Tell = (path, text) => problems.push({ path, text });
  const names = new Set<string>();
  const tokens = { names: new Set<string>(), hashes: new Set<string>() };
  authenticators.forEach((entry, index) => {
    const at = `authenticators[${index}]`;
    if (names.has(entry.name)) tell(`${at}.name`, 'is that of another authenticator; give it one of its own');
    names.add(entry.name);
    if (RESERVED.has(entry.name)) tell(`${at}.name`, 'is a word of the service itself; choose another one');
    if (entry.kind === 'service-account' || entry.kind === 'oidc') checkKeys(entry, at, tell);
    if (entry.kind === 'service-account' && entry.review !== undefined) {
      checkUrl(entry.review.url, `${at}.review.url`, tell);
    }
    if (entry.kind === 'certificate') checkCertificate(entry, at, tell);
    if (entry.kind === 'token') checkTokens(entry, at, tokens, tell);
  });
  return problems;
}

function checkKeys({ issuer, jwksUri, jwksFile, caFile, tokenFile }: KeysEntry, at: string, tell: Tell): void {
  if (jwksUri !== undefined && jwksFile !== undefined)
    tell(`${at}.jwksFile`, 'stands beside jwksUri; give one of them');
  if (jwksUri !== undefined) checkUrl(jwksUri, `${at}.jwksUri`, tell);
  else if (jwksFile === undefined) checkUrl(issuer, `${at}.issuer`, tell);
  if (jwksFile === undefined) return;
  if (caFile !== undefined) tell(`${at}.caFile`, 'is for keys that are fetched; jwksFile is a file');
  if (tokenFile !== undefined) tell(`${at}.tokenFile`, 'is for keys that are fetched; jwksFile is a file');
}

function checkUrl(text: string, path: string, tell: Tell): void {
  try {
    serviceUrl(text, '');
  } catch (error) {
    tell(path, KeysteadError.from(error).message.trim());
  }
}

function checkCertificate({ by, trustDomains, names, groups }: CertificateEntry, at: string, tell: Tell): void {
  const { form, what, prefix } = NAMES[by];
  if (by === 'spiffe' && trustDomains === undefined) tell(at, 'must have trustDomains');
  if (by !== 'spiffe' && trustDomains !== undefined) tell(`${at}.trustDomains`, 'is for spiffe');
  trustDomains?.forEach((domain, index) => {
    if (!TRUST_DOMAIN.test(domain)) {
      tell(`${at}.trustDomains[${index}]`, 'must be the name of a trust domain alone, such as example.org');
    }
  });
  names?.forEach((name, index) => {
    if (!form.test(name)) tell(`${at}.names[${index}]`, `must be ${what}`);
  });
  for (const [name, list] of Object.entries(groups ?? {})) {
    if (!name.startsWith(prefix) || !form.test(name.slice(prefix.length))) {
      tell(`${at}.groups.${name}`, `must be ${prefix === '' ? what : `${prefix} and ${what}`}`);
    }
    checkGroups(list, `${at}.groups.${name}`, tell);
  }
}

function checkTokens(
  { tokens }: TokenEntry,
  at: string,
  seen: { readonly names: Set<string>; readonly hashes: Set<string> },
  tell: Tell,
): void {
  tokens.forEach(({ name, sha256, groups, notAfter }, index) => {
    const here = `${at}.tokens[${index}]`;
    if (seen.names.has(name)) tell(`${here}.name`, 'is that of another token; give it one of its own');
    if (RESERVED.has(name)) tell(`${here}.name`, 'is a word of the service itself; choose another one');
    if (seen.hashes.has(sha256)) tell(`${here}.sha256`, 'is that of another token');
    seen.names.add(name);
    seen.hashes.add(sha256);
    checkGroups(groups ?? [], `${here}.groups`, tell);
    if (notAfter !== undefined && Number.isNaN(Date.parse(notAfter)))
      tell(`${here}.notAfter`, 'is no day of the calendar');
  });
}

/** A group of the service's own that it does not know would be a misspelt one. */
function checkGroups(groups: readonly string[], path: string, tell: Tell): void {
  for (const group of groups) {
    if (group.startsWith('keystead:') && group !== ADMIN_GROUP) {
      tell(path, `has a group of the service itself that there is not; ${ADMIN_GROUP} is the one`);
    }
  }
}
