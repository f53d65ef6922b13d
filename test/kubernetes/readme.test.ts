import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { type CliService, ROOT } from '../support/cli-service.ts';
import { blocksOf, looksLike } from '../support/doc-page.ts';
import { kubernetes } from '../support/kubernetes.ts';
import { runPod } from './support/kubelet.ts';

const run = promisify(execFile);

t.setTimeout(400_000);

t.test(
  'an administrator who follows "In a cluster" of the README has an authenticated key',
  { timeout: 390_000 },
  async (t) => {
    const cluster = await kubernetes(t, ['helm', 'kubectl']);
    if (cluster === undefined) return;
    const section = readFileSync(join(ROOT, 'README.md'), 'utf8')
      .replace(/[\s\S]*^## In a cluster$/m, '')
      .replace(/^## [\s\S]*/m, '');
    const blocks = blocksOf(section);
    const folder = t.testdir();
    cpSync(join(ROOT, 'helm'), join(folder, 'helm'), { recursive: true });
    let pod: CliService | undefined;
    let shown = 0;
    for (const [index, { language, text }] of blocks.entries()) {
      if (language !== 'bash') continue;
      // What needs nodes: one replica of the workload that was installed.
      if (text.includes('port-forward'))
        pod ??= await runPod(t, cluster, '/apis/apps/v1/namespaces/keystead/deployments/keystead');
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', withoutNodes(text, pod)], {
        cwd: folder,
        env: { ...cluster.toolEnv, PATH: [cluster.bin, process.env['PATH']].join(delimiter) },
      });
      const answer = blocks[index + 1];
      if (answer?.language !== 'json') continue;
      t.ok(looksLike(answer.text, stdout), `looks like ${answer.text}`, { stdout });
      shown++;
    }
    t.equal(shown, 2);
  },
);

function withoutNodes(text: string, pod: CliService | undefined): string {
  const lines = text.split('\n').filter((line) => !/port-forward|^sleep |wait --for/.test(line));
  const at = (url = '') => url.replace('127.0.0.1', 'localhost');
  return lines
    .join('\n')
    .replaceAll('https://localhost:8080', at(pod?.http))
    .replaceAll('https://localhost:8081', at(pod?.admin));
}
