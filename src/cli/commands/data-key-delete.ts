import type { DeletedDataKey } from '../../client/answers.ts';
import type { KeysteadClient } from '../../client/http-client.ts';
import type { CallOptions } from '../../client/options.ts';
import { KeysteadError } from '../../core/errors.ts';
import { type DefineCommand, dataKeyId, formatOption, single } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { entries, type Format, print } from '../output.ts';

/** `keystead data-key delete ID` */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command.argument('<id>', 'id of the data key'))
    .addOption(single('--etag <etag>', 'delete it only in the state that describe showed; the present one when absent'))
    .addOption(formatOption())
    .action(async (id: string, options: ConnectOptions & { output?: Format; etag?: string }) => {
      const client = connect(io, options);
      const deleted = await remove(client, dataKeyId(id), options.etag, { signal: io.interrupted() });
      const { state, purgeAt, etag } = deleted;
      await print(io, options.output ?? 'plain', { dataKeyId: id, state, purgeAt, etag }, () =>
        entries({ id, state, 'purge at': purgeAt, etag }),
      );
    });
};

async function remove(
  client: KeysteadClient,
  id: string,
  given: string | undefined,
  options: CallOptions,
): Promise<DeletedDataKey> {
  const etag = given ?? (await client.describe(id, options)).etag;
  if (etag !== undefined) return client.delete(id, etag, options);
  throw new KeysteadError('nothing-stored', 'the data key is derived and never stored, so there is nothing to delete');
}
