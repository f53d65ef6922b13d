import { type Static, Type } from 'typebox';
import { MIN_MASTER_SECRET_LENGTH, MIN_SALT_LENGTH } from '../../../core/derive.ts';
import { fromBase64 } from '../../../core/encoding.ts';
import { KeysteadError, type Reason } from '../../../core/errors.ts';
import { SecretBytes } from '../../../core/secret-bytes.ts';
import type { Bootstrap } from '../../../system/system.ts';
import { sendJson } from '../answer.ts';
import { CALLER, problems } from '../docs.ts';
import { KEK_EXAMPLE, MASTER_SECRET_EXAMPLE, SALT_EXAMPLE } from '../examples.ts';
import type { Route } from '../route.ts';
import { base64Pattern, KekAnswer, object } from '../schemas.ts';
import { strict } from '../strict.ts';

const Given = object({
  masterSecret: Type.String({
    pattern: base64Pattern(MIN_MASTER_SECRET_LENGTH),
    description: `At least ${MIN_MASTER_SECRET_LENGTH} bytes, 32 advised; base64 or base64url.`,
  }),
  salt: Type.String({
    pattern: base64Pattern(MIN_SALT_LENGTH),
    description: `At least ${MIN_SALT_LENGTH} bytes; base64 or base64url.`,
  }),
});
const Generate = object({ generate: Type.Literal(true, { description: 'Make both here, of random bytes.' }) });
const Body = Type.Union([Given, Generate], {
  examples: [{ generate: true }, { masterSecret: MASTER_SECRET_EXAMPLE, salt: SALT_EXAMPLE }],
});

/** `POST /v1/system/bootstrap`: gives a sealed service its KEK. */
export const bootstrap: Route = {
  method: 'POST',
  url: '/v1/system/bootstrap',
  access: 'caller',
  query: [],
  docs: {
    operationId: 'bootstrap',
    summary: 'Give the service its key-encryption key',
    description: 'The same secret again changes nothing and has the same answer; another one is refused (409).',
    tags: ['system'],
    ...CALLER,
    body: Body,
    response: {
      200: {
        description: 'The KEK that the service has now.',
        content: { 'application/json': { schema: object({ kek: KekAnswer }), example: { kek: KEK_EXAMPLE } } },
      },
      ...problems(400, 401, 403, 409, 413, 415, 503),
    },
  },
  handler({ services }) {
    const checkGiven = strict(Given, 'the body', explainSecret);
    const checkGenerate = strict(Generate, 'the body', explainGenerate);
    return async (request, reply) => {
      const generates = typeof request.body === 'object' && request.body !== null && 'generate' in request.body;
      const wish: Bootstrap = generates ? checkGenerate(request.body) : secretsOf(checkGiven(request.body));
      return sendJson(reply, { kek: await services.system.bootstrap(wish, request.call) });
    };
  },
};

/** The strings of the body cannot be wiped, these bytes can: the system disposes them. */
function secretsOf({ masterSecret, salt }: Static<typeof Given>): { masterSecret: SecretBytes; salt: SecretBytes } {
  return {
    masterSecret: SecretBytes.own(fromBase64(masterSecret, 'bad-master-secret', 'masterSecret')),
    salt: SecretBytes.own(fromBase64(salt, 'bad-salt', 'salt')),
  };
}

function explainSecret(member: string, value: unknown): string | undefined {
  if (member === 'masterSecret') return explainBytes(value, member, 'bad-master-secret', MIN_MASTER_SECRET_LENGTH);
  if (member === 'salt') return explainBytes(value, member, 'bad-salt', MIN_SALT_LENGTH);
  return undefined;
}

function explainGenerate(member: string): string | undefined {
  return member === 'generate' ? 'generate can only be true; without it, give masterSecret and salt' : undefined;
}

/** What is wrong with base64 that its pattern refuses. */
function explainBytes(value: unknown, what: string, reason: Reason, atLeast: number): string {
  if (typeof value !== 'string') return `${what} must be a string of base64`;
  try {
    const bytes = fromBase64(value, reason, what);
    bytes.fill(0);
    return `${what} is ${bytes.length} bytes long, at least ${atLeast} are needed`;
  } catch (error) {
    return KeysteadError.from(error).message;
  }
}
