import { type CallOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

const same = (bytes: Buffer) => bytes;

/** A caller that uses grpc-js as anybody would. */
export interface GrpcClient {
  readonly client: Client;
  call(
    path: string,
    message: Uint8Array,
    more?: { metadata?: Record<string, string>; options?: CallOptions },
  ): Promise<Buffer>;
}

export function grpcClient(t: { teardown(fn: () => unknown): void }, port: number): GrpcClient {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  t.teardown(() => client.close());
  return {
    client,
    call: (path, message, { metadata = {}, options = {} } = {}) =>
      new Promise((resolve, reject) => {
        const sent = Metadata.fromHttp2Headers(metadata);
        client.makeUnaryRequest(path, same, same, Buffer.from(message), sent, options, (error, answer) => {
          if (error) reject(error);
          else resolve(answer as Buffer);
        });
      }),
  };
}

/** The failure of a call that must fail. */
export async function failureOf(answer: Promise<unknown>): Promise<ServiceError> {
  try {
    await answer;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error('the call did not fail');
}

export { same };
