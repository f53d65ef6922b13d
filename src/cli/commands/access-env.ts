import { Option } from 'commander';
import { type AccessFlags, accessOptions, accountOf, withAccess } from '../access-options.ts';
import { type DefineCommand, formatOption } from '../command.ts';
import { type Format, print, printable } from '../output.ts';
import { sessionVariables } from '../session-variables.ts';

interface Flags extends AccessFlags {
  readonly export?: true;
  readonly output?: Format;
}

const HIDDEN = '[secret]';

/** `keystead access env` */
export const define: DefineCommand = (command, { io }) => {
  accessOptions(command)
    .addOption(
      new Option(
        '--export',
        'print lines for eval; with --output json, what credential_process takes. Shows the secrets',
      ),
    )
    .addOption(formatOption())
    .action(async ({ output = 'plain', ...flags }: Flags) => {
      const account = accountOf(flags);
      const session = await withAccess(flags, io, (access, call) => access.session(account, flags.region, call));
      const variables = sessionVariables(session);
      if (flags.export === true) {
        await print(io, output, processCredentials(variables), () => exports(variables));
        return;
      }
      const shown = { ...variables, AWS_SECRET_ACCESS_KEY: HIDDEN, AWS_SESSION_TOKEN: HIDDEN };
      const value = { account, arn: session.arn, region: session.region, chain: session.chain, variables: shown };
      await print(io, output, value, () => lines(shown, (name, text) => printable(`${name}=${text}`)));
    });
};

/** The form of the `credential_process` setting of the AWS CLI and the SDKs. */
function processCredentials(variables: Readonly<Record<string, string>>): object {
  return {
    Version: 1,
    AccessKeyId: variables['AWS_ACCESS_KEY_ID'],
    SecretAccessKey: variables['AWS_SECRET_ACCESS_KEY'],
    SessionToken: variables['AWS_SESSION_TOKEN'],
    Expiration: variables['AWS_CREDENTIAL_EXPIRATION'],
  };
}

function exports(variables: Readonly<Record<string, string>>): string {
  return lines(variables, (name, text) => `export ${name}='${text.replaceAll("'", `'\\''`)}'`);
}

function lines(variables: Readonly<Record<string, string>>, line: (name: string, text: string) => string): string {
  return Object.entries(variables)
    .map(([name, text]) => `${line(name, text)}\n`)
    .join('');
}
