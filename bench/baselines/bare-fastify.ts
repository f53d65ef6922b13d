import { Type, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import fastify from 'fastify';

// Parses the same body as `get` and answers the same number of bytes; does nothing else.
const answer = {
  dataKeyId: 'pvc-0f3a1c2e-5b6d-4e7f-8a9b-0c1d2e3f4a5b',
  dataKey: 'A'.repeat(43).concat('='),
  length: 32,
  version: 1,
  check: 'A'.repeat(22).concat('=='),
  created: false,
  source: 'derived',
};
const app = fastify().setValidatorCompiler(TypeBoxValidatorCompiler);
const body = Type.Object({ length: Type.Integer() }, { additionalProperties: false });
app.post('/v1/data-keys/:id/get', { schema: { body } }, async () => answer);
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address() as { port: number };
process.stderr.write(`${JSON.stringify({ msg: 'ready', http: `http://127.0.0.1:${address.port}`, grpc: 'off' })}\n`);
process.once('SIGTERM', () => void app.close());
