import { CODES } from '../../core/errors.ts';
import type { Finding } from '../../policy/lint.ts';
import type { PolicyFile } from '../../wiring/policy-file.ts';
import { type DefineCommand, formatOption } from '../command.ts';
import { type Format, print, printable } from '../output.ts';

/** `keystead policy check FILE` */
export const define: DefineCommand = (command, { io, result }) => {
  command
    .argument('<file>', 'policy file')
    .option('--strict', 'exit status 65 when something is found')
    .addOption(formatOption())
    .action(async (file: string, { strict, output }: { strict?: true; output?: Format }) => {
      const [{ readPolicyFile }, { lintPolicy }] = await Promise.all([
        import('../../wiring/policy-file.ts'),
        import('../../policy/lint.ts'),
      ]);
      const read = await readPolicyFile(file);
      const findings = lintPolicy(read.policy, new Date()).map((finding) => ({ ...finding, ...lineOf(read, finding) }));
      const value = { file, sha256: read.sha256, rules: read.policy.rules.length, findings };
      await print(io, output ?? 'plain', value, () => text(value));
      if (strict === true && findings.length > 0) result.exitStatus = CODES.failed_precondition.exit;
    });
};

function lineOf(read: PolicyFile, { path }: Finding): { line?: number } {
  const line = read.lineOf(path);
  return line === undefined ? {} : { line };
}

function text(checked: {
  readonly file: string;
  readonly rules: number;
  readonly findings: readonly (Finding & { readonly line?: number })[];
}): string {
  const { file, rules, findings } = checked;
  const lines = findings.map(({ rule, kind, line, text }) => `${file}:${line}: ${rule}: ${text} (${kind})`);
  const found = findings.length === 0 ? 'nothing to say' : `${findings.length} to look at`;
  return [...lines, `${rules} ${rules === 1 ? 'rule' : 'rules'}, ${found}`]
    .map((each) => `${printable(each)}\n`)
    .join('');
}
