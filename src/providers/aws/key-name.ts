import { KeysteadError } from '../../core/errors.ts';

const KEY_ARN = /^arn:[a-z-]+:kms:([a-z0-9-]+):\d{12}:(key|alias)\/(.+)$/;

/** What `keyName` of a URI names, and what that allows. */
export interface KeyName {
  /** As AWS takes it. */
  readonly text: string;
  /** The region that an ARN names. */
  readonly region: string | undefined;
  /** Whether an answer for the key of this ARN can be one for this name. */
  mayBe(arn: string): boolean;
  /**
   * The key that Decrypt is told to use. Throws `context-mismatch` for a key that this name is not.
   *
   * An alias moves, so what it wrapped earlier is opened by the ARN that was stored; the rights of the caller say which
   * keys that may be.
   */
  forDecrypt(version: string): string;
}

/** Reads a key id, a key ARN, `alias/…` or an alias ARN. Throws `bad-uri` for another ARN. */
export function readKeyName(text: string): KeyName {
  const [, region, kind, rest] = KEY_ARN.exec(text) ?? [];
  if (text.startsWith('arn:') && region === undefined) {
    throw new KeysteadError('bad-uri', `kms://aws: keyName is no ARN of a key or an alias: ${text}`);
  }
  if (kind === 'alias' || text.startsWith('alias/'))
    return { text, region, mayBe: isKeyArn, forDecrypt: ofAlias(text) };
  const id = rest ?? text;
  const mayBe = (arn: string) => idOf(arn) === id;
  return {
    text,
    region,
    mayBe,
    forDecrypt(version) {
      if (version === '' || mayBe(version)) return text;
      throw wrappedByAnother(text, version);
    },
  };
}

function ofAlias(text: string): (version: string) => string {
  return (version) => {
    if (version === '') return text;
    if (isKeyArn(version)) return version;
    throw wrappedByAnother(text, version);
  };
}

function isKeyArn(arn: string): boolean {
  return idOf(arn) !== undefined;
}

/** The id in a key's ARN: replicas of a key in several regions share it. */
function idOf(arn: string): string | undefined {
  const [, , kind, id] = KEY_ARN.exec(arn) ?? [];
  return kind === 'key' ? id : undefined;
}

function wrappedByAnother(text: string, version: string): KeysteadError {
  return new KeysteadError('context-mismatch', `the wrapped key was wrapped by ${version}, which is not ${text}`);
}
