import { openGrpcServer } from '../../../../src/server/grpc/server.ts';
import { openServices } from '../../../../src/wiring.ts';
import { testAmbient, testConfig } from '../../../support/services.ts';

// One worker of a cluster: tells its port, drains when told to.
const config = testConfig();
const ambient = testAmbient();
const services = await openServices(config, ambient);
const server = await openGrpcServer({ services, config, log: undefined, clock: ambient.clock });
const { port } = await server.listen('127.0.0.1', 0);
process.send?.(port);
process.on('message', async () => {
  await server.drain(60_000);
  await services.close();
  process.disconnect();
});
