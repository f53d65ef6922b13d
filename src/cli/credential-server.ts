import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeysteadError } from '../core/errors.ts';
import type { AwsCredentials } from '../core/roles.ts';

/** Bytes of the token that a command shows. */
const TOKEN_BYTES = 32;
/** The only path there is. */
const PATH = '/credentials';

/** Gives a session's credentials to one command, as long as it runs. */
export interface CredentialServer {
  /** What tells the command's SDK where to ask, and by what right. */
  readonly variables: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Serves credentials on loopback as a container's agent does, to whoever has the token: the AWS SDKs and the AWS CLI ask
 * again when what they got nears its end
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
 *
 * @param credentials ones that live.
 */
export async function serveCredentials(credentials: () => Promise<AwsCredentials>): Promise<CredentialServer> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const server = createServer(async (request, response) => {
    const answer = await answerTo(request.url, request.headers.authorization, token, credentials);
    response.writeHead(answer.status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    variables: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}${PATH}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
    },
    close: () => closed(server),
  };
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

async function answerTo(
  url: string | undefined,
  shown: string | undefined,
  token: string,
  credentials: () => Promise<AwsCredentials>,
): Promise<Answer> {
  if (!isToken(shown, token)) return { status: 401, body: { code: 'Unauthorized', message: 'the token is another' } };
  if (url !== PATH) return { status: 404, body: { code: 'NotFound', message: `there is nothing but ${PATH}` } };
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = (await credentials()).expose();
    return {
      status: 200,
      body: {
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        Token: sessionToken,
        Expiration: expiration?.toISOString(),
      },
    };
  } catch (error) {
    const { reason, message } = KeysteadError.from(error);
    return { status: 503, body: { code: reason, message } };
  }
}

function isToken(shown: string | undefined, token: string): boolean {
  const [one, other] = [Buffer.from(shown ?? ''), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
