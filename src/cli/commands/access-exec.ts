import type { AccountAccess } from '../../access/account-access.ts';
import type { Call } from '../../core/call.ts';
import { type AccessFlags, accessOptions, accountOf, withAccess } from '../access-options.ts';
import type { DefineCommand } from '../command.ts';
import { runChild } from '../run-child.ts';
import { renewedEnvironment, sessionEnvironment } from '../session-variables.ts';

/** `keystead access exec … -- COMMAND…` */
export const define: DefineCommand = (command, { io, result }) => {
  accessOptions(command)
    .option(
      '--renew',
      'for a command that runs for long: it asks for credentials on loopback whenever it needs fresh ones, and none are in its environment',
    )
    .argument('<command...>', 'the command and its arguments, behind --')
    .action(async ([program = '', ...args]: readonly string[], flags: AccessFlags & { readonly renew?: true }) => {
      const account = accountOf(flags);
      if (flags.renew !== true) {
        const session = await withAccess(flags, io, (access, call) => access.session(account, flags.region, call));
        result.exitStatus = await runChild(program, args, sessionEnvironment(io.env, session));
        return;
      }
      const terminal = { ours: true };
      const runRenewed = async (access: AccountAccess, call: Call) => {
        const session = await access.session(account, flags.region, call);
        const { serveCredentials } = await import('../credential-server.ts');
        // Ctrl-C is the command's business: until it is over it gets credentials.
        const own = { ...call, signal: new AbortController().signal };
        const server = await serveCredentials(() => session.renewed(own));
        terminal.ours = false;
        try {
          result.exitStatus = await runChild(program, args, renewedEnvironment(io.env, session, server.variables));
        } finally {
          await server.close();
        }
      };
      await withAccess(flags, io, runRenewed, terminal);
    });
};
