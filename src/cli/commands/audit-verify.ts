import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { ChainReport, Problem, TrailReport } from '../../audit/verify/report.ts';
import type { LineName } from '../../audit/verify/trail-line.ts';
import { KeysteadError } from '../../core/errors.ts';
import { unreadable } from '../../core/unreadable.ts';
import { type DefineCommand, formatOption, several, single, wholeNumber } from '../command.ts';
import { type Format, print, printable } from '../output.ts';

interface Options {
  readonly publicKey?: string;
  readonly head: readonly string[];
  readonly expect: readonly LineName[];
  readonly checkpoint?: number;
  readonly output?: Format;
}

/** Seconds; the most that `audit.checkpoint` may be. */
const CHECKPOINT = 3600;
/** Exit status of damaged data, as in the error table. */
const DAMAGED = 65;

/** `keystead audit verify FILE…` */
export const define: DefineCommand = (command, { io, result }) => {
  command
    .argument('<file...>', 'files of the trail in any order; those named *.head are checkpoints kept apart')
    .addOption(single('--public-key <file>', 'PEM file with the public keys that checkpoints must be signed with'))
    .addOption(several('--head <file>', 'file with the last checkpoints, kept elsewhere', (file: string) => file))
    .addOption(several('--expect <line>', 'a line that must be there: CHAIN:SEQ:HASH, noted down elsewhere', lineName))
    .addOption(single('--checkpoint <seconds>', 'audit.checkpoint of the service (3600, the most)', wholeNumber))
    .addOption(formatOption())
    .action(async (given: readonly string[], { output = 'plain', ...options }: Options) => {
      const report = await verified(given, options);
      await print(io, output, report, () => plain(report, options.publicKey !== undefined));
      if (!report.intact) result.exitStatus = DAMAGED;
    });
};

async function verified(given: readonly string[], options: Options): Promise<TrailReport> {
  const { verifyFiles } = await import('../../audit/verify/verify-files.ts');
  const isHead = (file: string) => file.endsWith('.head');
  const files = [...new Set(given.filter((file) => !isHead(file)))];
  if (files.length === 0)
    throw new KeysteadError('bad-usage', 'give the files of the trail, not only their checkpoints');
  const publicKeys = options.publicKey === undefined ? undefined : await readPublicKeys(options.publicKey);
  try {
    return await verifyFiles({
      files,
      heads: [...options.head, ...given.filter(isHead)],
      expected: options.expect,
      publicKeys,
      checkpoint: (options.checkpoint ?? CHECKPOINT) * 1000,
    });
  } catch (error) {
    const { path, syscall } = error as NodeJS.ErrnoException;
    throw syscall === undefined ? error : unreadable(path ?? 'the trail', error);
  }
}

async function readPublicKeys(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    throw unreadable(file, error);
  }
}

function lineName(text: string): LineName {
  const [, chain, seq, hash] = /^([0-9a-f]{32}):([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (chain === undefined || hash === undefined) throw new InvalidArgumentError('give CHAIN:SEQ:HASH');
  return { chain, seq: Number(seq), hash };
}

function plain(report: TrailReport, signatures: boolean): string {
  const { chains, unchained, cutBefore, problems, problemCount } = report;
  const more = problemCount - problems.length;
  const lines = [
    ...chains.flatMap((chain) => chainLines(chain, signatures)),
    ...(unchained === 0 ? [] : [`${unchained} lines of version 1, which nothing protects`]),
    ...(cutBefore === 0 ? [] : [`${cutBefore} unfinished lines, which the service named when it was started again`]),
    ...problems.map(problemLine),
    ...(more === 0 ? [] : [`${more} more problems`]),
    verdict(report),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function chainLines(chain: ChainReport, signatures: boolean): string[] {
  const { lines, firstTime, lastTime, checkpoints, verified, unvouched, closed, clockBack } = chain;
  const signed = signatures ? `${verified} with a good signature` : 'signatures not checked';
  return [
    `chain ${chain.chain}`,
    `  lines        ${lines}, ${firstTime} to ${lastTime}`,
    `  checkpoints  ${checkpoints}, ${signed}; ${unvouched} lines behind the last one`,
    `  end          ${closed ? 'closing line' : 'without a closing line: the service runs, was killed, or lines were cut off'}`,
    ...(clockBack === 0 ? [] : [`  clock        was put back ${clockBack} times`]),
    `  head         ${chain.head}`,
  ];
}

function problemLine({ kind, file, line, chain, message }: Problem): string {
  const where = [file, line].filter((part) => part !== undefined).join(':');
  const of = chain === undefined || message.includes(chain) ? '' : ` (chain ${chain})`;
  return `${where === '' ? '' : `${where}: `}${kind}: ${message}${of}`;
}

function verdict({ intact, chains, problemCount }: TrailReport): string {
  if (!intact) return `damaged: ${problemCount} ${problemCount === 1 ? 'problem' : 'problems'}`;
  const open = chains.filter(({ closed }) => !closed).length;
  return open === 0 ? 'intact' : `intact; ${open} of ${chains.length} chains end without a closing line`;
}
