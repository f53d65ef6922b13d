/** Types of the parameter store. */
export type StoreType = 'String' | 'StringList' | 'SecureString';

/** What a spelling of `type` says: lower case stands in an encrypted file. */
export interface Kind {
  readonly storeType: StoreType;
  /** The value is secret. */
  readonly secret: boolean;
  /** The value is ciphertext. */
  readonly sealed: boolean;
}

const KINDS = {
  String: { storeType: 'String', secret: false, sealed: false },
  SecureString: { storeType: 'SecureString', secret: true, sealed: false },
  string: { storeType: 'String', secret: false, sealed: false },
  securestring: { storeType: 'SecureString', secret: true, sealed: true },
  StringList: { storeType: 'StringList', secret: false, sealed: false },
  stringlist: { storeType: 'StringList', secret: false, sealed: false },
} as const satisfies Record<string, Kind>;

export type Spelling = keyof typeof KINDS;

/** psyml knows four. */
export const SPELLINGS = {
  psyml: ['String', 'SecureString', 'string', 'securestring'],
  keystead: ['String', 'SecureString', 'StringList', 'string', 'securestring', 'stringlist'],
} as const satisfies Record<string, readonly Spelling[]>;

export function kindOf(spelling: string, format: keyof typeof SPELLINGS): Kind | undefined {
  const known: readonly string[] = SPELLINGS[format];
  return known.includes(spelling) ? KINDS[spelling as Spelling] : undefined;
}

/** How the type is spelled in an encrypted file, and in a plain one. */
export function encryptedSpelling({ storeType }: Kind): Spelling {
  return storeType.toLowerCase() as Spelling;
}

export function plainSpelling({ storeType }: Kind): Spelling {
  return storeType;
}
