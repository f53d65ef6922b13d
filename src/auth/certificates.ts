import type { ClientCertificate } from '../core/authenticator.ts';
import type { Principal } from '../core/call.ts';
import type { CertificateEntry } from './schema.ts';

/** SPIFFE ID: a lower-case trust domain, and a path of at least one segment, none of them empty, `.` or `..`. */
const SPIFFE = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+)$/;
const MAX_SPIFFE = 2048;

/** Who shows such a certificate; undefined where it has no name, or more than one, that this entry accepts. */
export type CertificateJudge = (certificate: ClientCertificate) => Principal | undefined;

/** Callers by a name in the client certificate that the TLS handshake has proved. */
export function certificateCallers(entry: CertificateEntry): CertificateJudge {
  const naming = NAMINGS[entry.by];
  const groups = new Map(Object.entries(entry.groups ?? {}));
  return (certificate) => {
    const name = naming(certificate, entry);
    return name === undefined ? undefined : { kind: 'certificate', name, groups: groups.get(name) ?? [] };
  };
}

type Naming = (certificate: ClientCertificate, entry: CertificateEntry) => string | undefined;

const NAMINGS: Readonly<Record<CertificateEntry['by'], Naming>> = {
  spiffe({ uris }, { trustDomains = [], names }) {
    // Exactly one, as SPIFFE asks: of two, one reader would take the first, another one the last.
    const [id] = uris;
    if (id === undefined || uris.length !== 1 || id.length > MAX_SPIFFE) return undefined;
    const trustDomain = SPIFFE.exec(id)?.[1];
    if (trustDomain === undefined || !trustDomains.includes(trustDomain)) return undefined;
    return names === undefined || names.includes(id) ? id : undefined;
  },
  dns({ dnsNames }, { names }) {
    const lower = [...new Set(dnsNames.map((name) => name.toLowerCase()))];
    const accepted = names === undefined ? lower : lower.filter((name) => names.includes(name));
    return accepted.length === 1 ? `dns:${accepted[0]}` : undefined;
  },
  'public-key'({ publicKeySha256 }, { names }) {
    return names === undefined || names.includes(publicKeySha256) ? `sha256:${publicKeySha256}` : undefined;
  },
};
