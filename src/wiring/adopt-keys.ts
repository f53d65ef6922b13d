import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { CredentialSource } from '../core/roles.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { disposeSecrets, formatUri, parseKmsUri, uriWithoutCredentials } from '../core/uri.ts';
import type { KmsUri } from '../core/uri-schemas.ts';
import { adoptedKey } from '../lifecycle/adopted.ts';
import type { KeyDocument } from '../lifecycle/schema.ts';
import { openKeyAdmin } from '../providers/open.ts';
import type { BareAmbient } from './ambient.ts';

/** Describes keys that exist as declarations. Throws `no-kek` where there is none under a name. */
export async function adoptKeys(
  uris: readonly string[],
  {
    ambient,
    timeoutMs,
    access,
  }: { readonly ambient: BareAmbient; readonly timeoutMs: number; readonly access?: CredentialSource | undefined },
  call: Call,
): Promise<KeyDocument[]> {
  const documents: KeyDocument[] = [];
  for (const text of uris) {
    const uri = parseKmsUri(text);
    const secrets = ambient.secrets ?? { env: {}, readFile: () => new Uint8Array() };
    try {
      const admin = await openKeyAdmin(uri, { secrets, timeoutMs, access });
      try {
        const { keyName: name } = uri as KmsUri & { readonly keyName: string };
        const key = await admin.find(name, ['tags', 'policy', 'rotation'], call);
        if (key === undefined) throw new KeysteadError('no-kek', `${name}: there is no key under that name`);
        documents.push(adoptedKey(shown(uri), key));
      } finally {
        await admin.close();
      }
    } finally {
      disposeSecrets(uri);
    }
  }
  return documents;
}

/** A secret that stands in the URI itself does not go into a file; a reference to one does. */
function shown(uri: KmsUri): string {
  return Object.values(uri).some((value) => value instanceof SecretBytes) ? uriWithoutCredentials(uri) : formatUri(uri);
}
