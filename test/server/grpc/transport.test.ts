import t from 'tap';
import { transportSuite } from './support/transport-suite.ts';
import { grpcJsTransport, ourTransport } from './support/transports.ts';

t.test('our transport', async (t) => transportSuite(t, ourTransport));

// The same tests on the reference implementation show that they ask for gRPC, not for what we happen to do.
t.test('grpc-js with the same methods', async (t) => transportSuite(t, grpcJsTransport));
