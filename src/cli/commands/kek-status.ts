import { CODES } from '../../core/errors.ts';
import { type DefineCommand, formatOption } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { entries, type Format, print } from '../output.ts';

/** `keystead kek status`: the answer is printed in any case; the exit status tells scripts the state. */
export const define: DefineCommand = (command, { io, result }) => {
  connectOptions(command)
    .addOption(formatOption())
    .action(async (options: ConnectOptions & { output?: Format }) => {
      const { state, kms, reason, kek } = await connect(io, options).status({ signal: io.interrupted() });
      const shown = { state, kms, ...(reason === undefined ? {} : { reason }), ...(kek === undefined ? {} : { kek }) };
      await print(io, options.output ?? 'plain', shown, () =>
        entries({ state, kms, reason, fingerprint: kek?.fingerprint, version: kek?.version }),
      );
      if (state === 'sealed') result.exitStatus = CODES.failed_precondition.exit;
      else if (state !== 'ready') result.exitStatus = CODES.unavailable.exit;
    });
};
