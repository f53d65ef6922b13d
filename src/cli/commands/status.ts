import type { DoorReport } from '../../client/answers.ts';
import type { DefineCommand } from '../command.ts';
import { formatOption } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { entries, type Format, print } from '../output.ts';

/** `keystead status`: needs no credentials. */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command)
    .addOption(formatOption())
    .action(async (options: ConnectOptions & { output?: Format }) => {
      const status = await connect(io, options).status({ signal: io.interrupted() });
      const { kek, kekSecret, startedAt, doors, policy, ...rest } = status;
      await print(io, options.output ?? 'plain', status, () =>
        entries({
          ...rest,
          'kek fingerprint': kek?.fingerprint,
          'kek version': kek?.version,
          'kek secret': kekSecret && `${kekSecret.name}: ${kekSecret.state} since ${kekSecret.since}`,
          'kek secret problem': kekSecret?.problem,
          policy:
            policy &&
            `${policy.rules} ${policy.rules === 1 ? 'rule' : 'rules'}, read ${policy.loadedAt}, SHA-256 ${policy.sha256}`,
          'policy problem': policy?.problem,
          'started at': startedAt,
          ...Object.fromEntries(doors.flatMap(doorEntries)),
        }),
      );
    });
};

function doorEntries({ name, state, since, latencyMs, operation, lastError, lastErrorAt }: DoorReport) {
  const check = [`${name} check`, `${state} since ${since}, ${latencyMs} ms`] as const;
  return lastError === undefined ? [check] : [check, [`${name} error`, `${operation} at ${lastErrorAt}: ${lastError}`]];
}
