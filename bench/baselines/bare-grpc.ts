import { Server, ServerCredentials } from '@grpc/grpc-js';

// Answers as many bytes as `GetDataKey` does; does nothing else.
const answer = Buffer.concat([Buffer.from([0x0a, 32]), Buffer.alloc(32, 7)]);
const server = new Server();
const pass = (bytes: Buffer) => bytes;
server.addService(
  {
    getDataKey: {
      path: '/kms.API/GetDataKey',
      requestStream: false,
      responseStream: false,
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    },
  },
  { getDataKey: (_call: unknown, done: (error: null, value: Buffer) => void) => done(null, answer) },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stderr.write(`${JSON.stringify({ msg: 'ready', http: 'off', grpc: `127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => server.forceShutdown());
