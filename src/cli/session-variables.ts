import type { AccountSession } from '../access/account-access.ts';

/** The variables by which AWS's tools know a session. */
export function sessionVariables({ credentials, region }: AccountSession): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials.expose();
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    ...regionVariables(region),
    ...(expiration === undefined ? {} : { AWS_CREDENTIAL_EXPIRATION: expiration.toISOString() }),
  };
}

function regionVariables(region: string | undefined): Record<string, string> {
  return region === undefined ? {} : { AWS_REGION: region, AWS_DEFAULT_REGION: region };
}

/** What would say something else of who asks: not for the child's environment. */
const OTHERS = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
  'AWS_CREDENTIAL_EXPIRATION',
  'AWS_ROLE_ARN',
  'AWS_ROLE_SESSION_NAME',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
];

/** The environment of a command that is to run as the session, and as nobody else. */
export function sessionEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  session: AccountSession,
): Record<string, string | undefined> {
  return { ...withoutOthers(env), ...sessionVariables(session) };
}

/** The same, of a command that asks for its credentials. @param asks where and by what right. */
export function renewedEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { region }: AccountSession,
  asks: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return { ...withoutOthers(env), ...regionVariables(region), ...asks };
}

function withoutOthers(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OTHERS.includes(name)));
}
