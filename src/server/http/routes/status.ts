import { Type } from 'typebox';
import { sendJson } from '../answer.ts';
import { GREETING, problems } from '../docs.ts';
import { STATUS_EXAMPLE } from '../examples.ts';
import type { Route } from '../route.ts';
import { KekAnswer, object } from '../schemas.ts';

const DoorAnswer = object({
  name: Type.Enum(['kms', 'storage']),
  uri: Type.String({ description: 'Without credentials.' }),
  state: Type.Enum(['ready', 'failing'], { description: 'What the last check said.' }),
  operation: Type.String({ description: 'What the state or the last error is about: a check, or a call that failed.' }),
  lastError: Type.Optional(Type.String({ description: 'In plain words; it may be over.' })),
  lastErrorAt: Type.Optional(Type.String({ format: 'date-time' })),
  latencyMs: Type.Integer({ description: 'Of the last check.' }),
  checkedAt: Type.String({ format: 'date-time', description: 'One check speaks for a few seconds.' }),
  since: Type.String({ format: 'date-time', description: 'Since when the state is what it is.' }),
});

const KekSecretAnswer = object({
  name: Type.String({ description: 'For people: `the Secret keystead/kek`.' }),
  state: Type.Enum(['held', 'other', 'absent', 'unseen'], {
    description:
      'Whether the Secret holds the KEK of this service, holds something else, is not there, or cannot be seen now.',
  }),
  problem: Type.Optional(
    Type.String({
      description: 'In plain words, while a replica that starts now would not get the KEK of this service from there.',
    }),
  ),
  since: Type.String({ format: 'date-time', description: 'Since when the state is what it is.' }),
});

const PolicyAnswer = object({
  rules: Type.Integer({ minimum: 0, description: 'Tenants count as rules.' }),
  loadedAt: Type.String({ format: 'date-time' }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the file that is in force.' }),
  problem: Type.Optional(
    Type.String({ description: 'In plain words, while the file is not valid and the one before it is in force.' }),
  ),
});

const AuthAnswer = object({
  authenticators: Type.Integer({ minimum: 1, description: 'In the auth file that is in force.' }),
  loadedAt: Type.String({ format: 'date-time' }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the file that is in force.' }),
  problem: Type.Optional(
    Type.String({ description: 'In plain words, while the file is not valid and the one before it is in force.' }),
  ),
});

const AuthenticatorAnswer = object({
  name: Type.String(),
  kind: Type.Enum(['service-account', 'oidc', 'certificate', 'token', 'anonymous']),
  issuer: Type.Optional(Type.String()),
  audiences: Type.Optional(Type.Array(Type.String())),
  review: Type.Optional(Type.Boolean({ description: 'Whether the API server is asked about every token.' })),
  by: Type.Optional(Type.Enum(['spiffe', 'dns', 'public-key'], { description: 'Which name of a certificate counts.' })),
  tokens: Type.Optional(Type.Integer({ minimum: 1, description: 'How many there are.' })),
  listeners: Type.Optional(
    Type.Array(Type.Enum(['http', 'grpc']), { description: 'Where callers without credentials are let in.' }),
  ),
});

const CallersAnswer = object({
  adminToken: Type.Boolean({ description: 'Whether there is a token of the administrator.' }),
  authenticators: Type.Array(AuthenticatorAnswer, { description: 'Those of the auth file that is in force.' }),
});

const TlsAnswer = object({
  clientCertificates: Type.Enum(['required', 'optional', 'none'], {
    description: 'What the handshake wants of a client.',
  }),
  notAfter: Type.String({ format: 'date-time', description: 'When the certificate expires.' }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the certificate that is in force, in DER.' }),
  loadedAt: Type.String({ format: 'date-time' }),
  problem: Type.Optional(
    Type.String({ description: 'In plain words, while the files are not valid and those before are in force.' }),
  ),
});

const StatusAnswer = object({
  version: Type.String({ description: 'Of the software.' }),
  mode: Type.Enum(['derive', 'wrap'], { description: 'Whether data keys are derived, or wrapped and stored.' }),
  state: Type.Enum(['sealed', 'ready', 'not-ready']),
  reason: Type.Optional(Type.String({ description: 'In plain words, where the state is not `ready`.' })),
  kms: Type.String({ description: 'Where the KEK lives, without credentials.' }),
  storage: Type.String({ description: 'Where wrapped keys are kept, without credentials.' }),
  kek: Type.Optional(KekAnswer),
  kekSecret: Type.Optional(KekSecretAnswer),
  doors: Type.Array(DoorAnswer, { description: 'What the service depends on.' }),
  policy: Type.Optional(PolicyAnswer),
  auth: Type.Optional(AuthAnswer),
  callers: Type.Optional(CallersAnswer),
  tls: Type.Optional(TlsAnswer),
  startedAt: Type.String({ format: 'date-time' }),
  development: Type.Boolean({ description: 'True: every caller may do everything.' }),
});

/** `GET /v1/system/status`: what the service says of itself to anybody. */
export const status: Route = {
  method: 'GET',
  url: '/v1/system/status',
  access: 'public',
  greets: true,
  vital: true,
  query: [],
  docs: {
    operationId: 'getStatus',
    summary: 'Status of the service',
    description: [
      'Needs no credentials, and tells no secret.',
      'To callers whom the policy allows `system.inspect` it also tells who is let in; credentials that are not accepted change nothing.',
    ].join('\n'),
    tags: ['system'],
    ...GREETING,
    response: {
      200: {
        description: 'The status, also of a service that is sealed or not ready.',
        content: { 'application/json': { schema: StatusAnswer, example: STATUS_EXAMPLE } },
      },
      ...problems(400, 403),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      const { call } = request;
      const status = await services.system.status(call);
      const callers = call.principal.kind === 'anonymous' ? undefined : services.system.callers(call);
      return sendJson(reply, { ...status, ...(callers === undefined ? {} : { callers }) });
    };
  },
};
