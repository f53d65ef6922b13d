import { KeysteadError } from '../../core/errors.ts';
import type { GetDataKeyRequest } from '../../gen/kms/kms_pb.ts';
import type { Services } from '../../wiring.ts';
import { bytesField, decode, type Fields } from './codec.ts';
import type { UnaryMethod } from './method.ts';
import { STATUS, StatusError } from './status.ts';

export const GET_DATA_KEY = {
  dataKeyId: [1, 'string'],
  length: [2, 'uint32'],
} as const satisfies Fields<GetDataKeyRequest>;

/** gRPC's own default; Constellation's key service takes as much. */
const MAX_MESSAGE = 4 * 1024 * 1024;
/** `data_key` of GetDataKeyResponse. */
const DATA_KEY = 1;

/** `kms.API`, as Constellation's CSI drivers and node agents call it (docs/reference/grpc.md). */
export function kmsMethods(services: Pick<Services, 'dataKeys'>, admit: UnaryMethod['admit']): readonly UnaryMethod[] {
  return [
    {
      path: '/kms.API/GetDataKey',
      limit: MAX_MESSAGE,
      admit,
      async answer(message, call) {
        let length = 0;
        try {
          const request = decode(GET_DATA_KEY, message);
          length = request.length;
          const key = await services.dataKeys.get({ id: request.dataKeyId, length, create: 'if-missing' }, call);
          try {
            return bytesField(DATA_KEY, key.key.expose());
          } finally {
            key.key.dispose();
          }
        } catch (error) {
          const failure = KeysteadError.from(error);
          throw StatusError.as(statusOf(failure, length), failure);
        }
      },
    },
  ];
}

/**
 * Constellation's promise: an id or a length that cannot be is InvalidArgument, every other failure of the key service
 * Internal, a length too great included. What the guard refuses keeps its own status, which Constellation has no word for.
 */
function statusOf(failure: KeysteadError, length: number): number {
  if (failure.reason === 'bad-id' || (failure.reason === 'bad-length' && length === 0)) return STATUS.invalidArgument;
  if (failure.code === 'unauthenticated' || failure.code === 'permission_denied') return failure.grpcStatus;
  return STATUS.internal;
}
