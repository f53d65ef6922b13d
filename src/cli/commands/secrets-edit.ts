import { spawn } from 'node:child_process';
import { KeysteadError } from '../../core/errors.ts';
import { replaceFile } from '../../files/replace-file.ts';
import type { DefineCommand } from '../command.ts';
import { commandFailure, failureText } from '../exit.ts';
import type { Io } from '../io.ts';
import { write } from '../output.ts';
import { confirm } from '../secrets/confirm.ts';
import { withFile } from '../secrets/one-file.ts';
import { readScratch, withScratchFile } from '../secrets/scratch.ts';
import { sealingOf } from '../secrets/sealing.ts';
import { createKeyOption, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets edit FILE`: in $VISUAL or $EDITOR, on a file in memory; sealed again when the editor ends. */
export const define: DefineCommand = (command, { io }) => {
  createKeyOption(sealOptions(command))
    .argument('<file>', 'secrets file, changed in place')
    .action(async (path: string, options: SealOptions) => {
      const { reseal, unsealed } = await import('../../secrets-file/reseal.ts');
      const { rewrite } = await import('../../secrets-file/rewrite.ts');
      const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
      await withFile(io, path, options, async ({ file, text, work }) => {
        const { sealer, header } = await sealingOf(file, work);
        const before = { file, ...(await unsealed(file, { sealer, pace: work.pace }, work.call)) };
        await withScratchFile(io, path, before.text, async (scratch) => {
          for (;;) {
            await runEditor(io, scratch);
            try {
              const edited = await readScratch(scratch);
              if (edited === before.text) return await work.tell('nothing was changed');
              const headed = rewrite(readSecretsFile(edited, path), { header });
              const deps = { sealer, pace: work.pace, name: path };
              return await replaceFile(path, text, await reseal(headed, before, deps, work.call));
            } catch (error) {
              const failure = commandFailure(error);
              if (failure.reason !== 'bad-secrets-file' || !isTerminal(io)) throw failure;
              await write(io.stderr, failureText(failure, false));
              await confirm(io, 'edit again?');
            }
          }
        });
      });
    });
};

function isTerminal({ stdin }: Io): boolean {
  return stdin !== undefined && 'isTTY' in stdin && stdin.isTTY === true;
}

/** The variable may hold arguments, as in `code --wait`. */
function runEditor({ env }: Io, path: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'];
  if (!editor) throw new KeysteadError('bad-usage', 'no editor is set; give one in EDITOR');
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', `${editor} "$1"`, 'editor', path], { stdio: 'inherit', env: { ...env } });
    child.once('error', (error) =>
      reject(new KeysteadError('tool-failed', 'the editor cannot be run', { cause: error })),
    );
    child.once('exit', (status, signal) =>
      status === 0
        ? resolve()
        : reject(
            new KeysteadError(
              'tool-failed',
              `the editor ended with ${signal ?? `status ${status}`}; nothing was changed`,
            ),
          ),
    );
  });
}
