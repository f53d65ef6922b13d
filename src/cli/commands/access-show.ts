import type { Described } from '../../wiring/command-access.ts';
import { type AccessFlags, accessorOptions } from '../access-options.ts';
import { type DefineCommand, formatOption } from '../command.ts';
import { type Format, print, printable } from '../output.ts';

/** `keystead access show` */
export const define: DefineCommand = (command, { io }) => {
  accessorOptions(command)
    .addOption(formatOption())
    .action(async ({ accessor: file, account, region, output }: AccessFlags & { output?: Format }) => {
      const { describeAccessor } = await import('../../wiring/command-access.ts');
      const described = await describeAccessor(file, io.env, account);
      await print(io, output ?? 'plain', json(described, file, region), () => plain(described, region));
    });
};

/** Whether there is an external id, not which: whoever may read the output need not know it. */
function json({ accessor, chains }: Described, file: string, region: string | undefined): object {
  return {
    file,
    ...(region === undefined ? {} : { region }),
    cacheCreds: accessor.cacheCreds,
    accounts: accessor.accounts,
    chains: chains.map(({ chain, hops }) => ({
      sessionName: chain.sessionName,
      hops: hops.map(({ request, step }) => ({
        roleArn: request.roleArn,
        externalId: request.externalId !== undefined,
        ...(request.durationSeconds === undefined ? {} : { durationSeconds: request.durationSeconds }),
        ...(step.mfaSerial === undefined ? {} : { mfaSerial: step.mfaSerial }),
        ...(step.webIdentityTokenFile === undefined ? {} : { webIdentityTokenFile: step.webIdentityTokenFile }),
      })),
    })),
  };
}

function plain({ chains }: Described, region: string | undefined): string {
  if (chains.length === 0) return 'no chains: the base credentials are used, in their own account\n';
  const lines = chains.flatMap(({ chain, hops }, index) => [
    `${index + 1}. session ${chain.sessionName}${region === undefined ? '' : ` in ${region}`}`,
    ...hops.map(({ request, step }) => `   ${request.roleArn}${more(request.externalId !== undefined, step)}`),
  ]);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function more(externalId: boolean, step: Described['chains'][number]['hops'][number]['step']): string {
  const words = [
    externalId ? 'external id' : undefined,
    step.mfaSerial === undefined ? undefined : `MFA device ${step.mfaSerial}`,
    step.webIdentityTokenFile === undefined ? undefined : `web identity ${step.webIdentityTokenFile}`,
  ].filter((word) => word !== undefined);
  return words.length === 0 ? '' : ` with ${words.join(', ')}`;
}
