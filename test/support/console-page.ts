import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { Test } from 'tap';
import { blocksOf, looksLike } from './doc-page.ts';

/**
 * Runs the `console` blocks of a page that needs a cloud, in a folder, and compares each with the `text` block behind it.
 *
 * @param files where blocks of a language are written, each over the one before.
 */
export async function runConsolePage(
  t: Test,
  page: string,
  at: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly files?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const bin = join(at.cwd, '.bin');
  mkdirSync(bin);
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  writeFileSync(join(bin, 'keystead'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
  const path = [bin, dirname(process.execPath), process.env['PATH']].join(delimiter);
  const env = { ...process.env, ...at.env, PATH: path };
  const run = async (script: string) => {
    const child = spawn('bash', ['-uo', 'pipefail', '-c', `exec 2>&1\n${script}`], { cwd: at.cwd, env });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const [status] = await once(child, 'close');
    return { status, output };
  };
  const blocks = blocksOf(page);
  for (const [index, { language, text, line }] of blocks.entries()) {
    const file = at.files?.[language];
    if (file !== undefined) writeFileSync(join(at.cwd, file), text);
    if (language !== 'console') continue;
    const { status, output } = await run(text);
    t.equal(status, 0, `line ${line}`, { output });
    const shown = blocks[index + 1];
    if (shown?.language === 'text') t.ok(looksLike(shown.text, output), `line ${shown.line}: as shown`, { output });
  }
}
