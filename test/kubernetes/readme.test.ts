import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { type CliService, ROOT } from '../support/cli-service.ts';
import { blocksOf, looksLike } from '../support/doc-page.ts';
import { type Cluster, kubernetes } from '../support/kubernetes.ts';
import { runPod, runToEnd } from './support/kubelet.ts';

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
      const { stdout } = await bash(withoutNodes(text, pod), cluster, folder);
      const answer = blocks[index + 1];
      if (answer?.language !== 'json') continue;
      t.ok(looksLike(answer.text, stdout), `looks like ${answer.text}`, { stdout });
      shown++;
    }
    t.equal(shown, 2);
    if (pod === undefined) throw new Error('no Pod was started');
    await notes(t, cluster, pod, folder);
    await helmTest(t, cluster, pod);
  },
);

/** What the chart says after its installation reaches an administrator's bootstrap, which is done already. */
async function notes(t: Test, cluster: Cluster, pod: CliService, cwd: string): Promise<void> {
  const { stdout } = await cluster.tool('helm', ['get', 'notes', 'keystead', '--namespace', 'keystead']);
  const commands = stdout.split('\n').filter((line) => /^ {2}( {2}|kubectl|curl)/.test(line));
  t.match(commands, { length: 5 });
  const refused = bash(withoutNodes(commands.join('\n'), pod), cluster, cwd);
  await t.rejects(refused, { code: 22, stdout: /"reason":"kek-exists"/ });
}

/** `helm test`: its Pod and account, as they are. */
async function helmTest(t: Test, cluster: Cluster, pod: CliService): Promise<void> {
  const { stdout } = await cluster.tool('helm', ['get', 'hooks', 'keystead', '--namespace', 'keystead']);
  const [account, { spec }] = stdout
    .split(/^---$/m)
    .filter((text) => text.includes('kind:'))
    .map((text) => parse(text));
  await cluster.ask('POST', '/api/v1/namespaces/keystead/serviceaccounts', account);
  const names = (text: string) => text.replace('https://keystead.keystead.svc:8080', localhost(pod.http));
  t.match(await runToEnd(t, cluster, 'keystead', spec, names), /^id +keystead\/helm-test$[\s\S]*^version +1$/m);
}

const localhost = (url: string) => url.replace('127.0.0.1', 'localhost');

function bash(text: string, cluster: Cluster, cwd: string) {
  const env = { ...cluster.toolEnv, PATH: [cluster.bin, process.env['PATH']].join(delimiter) };
  return run('bash', ['-euo', 'pipefail', '-c', text], { cwd, env });
}

function withoutNodes(text: string, pod: CliService | undefined): string {
  const lines = text.split('\n').filter((line) => !/port-forward|^sleep |wait --for/.test(line));
  return lines
    .join('\n')
    .replaceAll('https://localhost:8080', localhost(pod?.http ?? ''))
    .replaceAll('https://localhost:8081', localhost(pod?.admin ?? ''))
    .replaceAll(
      '::localhost:8081',
      `::${new URL(pod?.admin ?? 'https://localhost').host.replace('127.0.0.1', 'localhost')}`,
    );
}
