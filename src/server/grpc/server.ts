import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { traceIds } from '../../core/trace-id.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { TlsMaterial } from '../../wiring/tls-file.ts';
import type { Services } from '../../wiring.ts';
import { peers } from '../peers.ts';
import type { Porch } from '../porch.ts';
import { admission, unknownMethod } from './admit.ts';
import { healthMethods } from './health.ts';
import { kmsMethods } from './kms.ts';
import { openTransport } from './transport.ts';

export interface GrpcServerDeps {
  readonly services: Services;
  readonly config: Config;
  readonly log: Logger | undefined;
  readonly tls?: TlsMaterial;
  readonly clock: Clock;
  /** Throws `overloaded` while there is too little memory for another call. */
  assertRoom(): void;
}

/** The gRPC porch: `kms.API` and `grpc.health.v1.Health`. Does not listen. */
export function openGrpcServer({ services, config, log, tls, clock, assertRoom }: GrpcServerDeps): Porch {
  const draining = new AbortController();
  const methods = [
    ...kmsMethods(services, admission(services, assertRoom)),
    ...healthMethods({ services, clock, draining: draining.signal }),
    unknownMethod(services),
  ];
  return openTransport({
    house: {
      methods: new Map(methods.map((method) => [method.path, method])),
      metrics: services.metrics,
      log,
      traceId: traceIds(),
      peerOf: peers(),
      tracing: services.tracing,
    },
    clock,
    tls,
    certificate: config.tls.clientCertificate,
    draining,
    connections: config.limits.connections,
  });
}
