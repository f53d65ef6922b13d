import type { Call, Principal } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { HealthCheckRequest } from '../../gen/grpc/health/v1/health_pb.ts';
import type { Services } from '../../wiring.ts';
import { bytesField, decode, type Fields, varintField } from './codec.ts';
import type { Method } from './method.ts';
import { STATUS, StatusError } from './status.ts';

export const HEALTH_CHECK = { service: [1, 'string'] } as const satisfies Fields<HealthCheckRequest>;

/** Values of HealthCheckResponse.ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
/** Names that a health request may ask for: the server as a whole, and each service. */
const NAMES = ['', 'kms.API'];
const MAX_MESSAGE = 64 * 1024;
/** Milliseconds between two looks of a watch. */
const WATCH_INTERVAL = 1000;
/** Watches at a time: whoever has no credentials may begin one, it lasts as long as its caller likes, and looks each second. */
const MAX_WATCHES = 1000;
const ANYBODY: Principal = { kind: 'anonymous', name: 'anonymous', groups: [] };

/**
 * `grpc.health.v1.Health`, for anybody: SERVING while the service is ready, NOT_SERVING while it is sealed, not ready or
 * draining.
 */
export function healthMethods(deps: { services: Services; clock: Clock; draining: AbortSignal }): readonly Method[] {
  const admit = async () => ANYBODY;
  const servingStatus = statusReader(deps.services, deps.draining);
  let watches = 0;
  return [
    {
      path: '/grpc.health.v1.Health/Check',
      limit: MAX_MESSAGE,
      admit,
      async answer(message, call) {
        const { service } = readRequest(message);
        if (!NAMES.includes(service)) throw new StatusError(5, 'no-route', 'there is no such service');
        return response(await servingStatus(call));
      },
    },
    {
      path: '/grpc.health.v1.Health/List',
      limit: MAX_MESSAGE,
      admit,
      async answer(message, call) {
        decodeStrictly(() => decode({}, message));
        const status = response(await servingStatus(call));
        const entry = (name: string) =>
          bytesField(1, Buffer.concat([bytesField(1, Buffer.from(name)), bytesField(2, status)]));
        return Buffer.concat(NAMES.map(entry));
      },
    },
    {
      path: '/grpc.health.v1.Health/Watch',
      limit: MAX_MESSAGE,
      admit,
      async *answers(message, call) {
        const { service } = readRequest(message);
        const known = NAMES.includes(service);
        if (watches >= MAX_WATCHES) {
          throw new KeysteadError('too-many-requests', 'too many callers watch already; ask with Check', {
            retryAfter: WATCH_INTERVAL / 1000,
          });
        }
        const until = AbortSignal.any([call.signal, deps.draining]);
        watches++;
        try {
          for (let last = -1; !until.aborted; ) {
            const status = known ? await servingStatus(call) : SERVICE_UNKNOWN;
            if (status !== last) yield response(status);
            last = status;
            await deps.clock.sleep(WATCH_INTERVAL, until).catch(() => {});
          }
        } finally {
          watches--;
        }
        throw new KeysteadError('closing', 'the service is closing');
      },
    },
  ];
}

/** Reads the status once for all who ask while it is being read: a readiness check may go as far as a cloud. */
function statusReader(services: Services, draining: AbortSignal): (call: Call) => Promise<number> {
  let reading: Promise<number> | undefined;
  const read = async (call: Call) => {
    try {
      // The status belongs to all who wait for it, so the one who asked first cannot take it away from the others.
      const { state } = await services.system.status({ ...call, signal: new AbortController().signal });
      return state === 'ready' ? SERVING : NOT_SERVING;
    } finally {
      reading = undefined;
    }
  };
  return async (call) => {
    if (draining.aborted) return NOT_SERVING;
    reading ??= read(call);
    return reading;
  };
}

function response(status: number): Buffer {
  return varintField(1, status);
}

function readRequest(message: Uint8Array): { service: string } {
  return decodeStrictly(() => decode(HEALTH_CHECK, message));
}

/** A message that no protobuf library would write is Internal, as grpc-go has it. */
function decodeStrictly<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw StatusError.as(STATUS.internal, KeysteadError.from(error));
  }
}
