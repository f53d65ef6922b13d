import t from 'tap';
import { ServiceProcess } from './service-process.ts';

/** Ends at once, and leaves somebody behind who writes for it: first to stdout, then the line that is wanted. */
const LAST_WORDS = `
  import { spawn } from 'node:child_process';
  const script = 'while kill -0 "$0" 2>/dev/null; do sleep 0.01; done; echo "{}"; sleep 0.2; echo "{\\\\"msg\\\\":\\\\"late\\\\"}" >&2';
  spawn('sh', ['-c', script, String(process.pid)], { stdio: ['ignore', 'inherit', 'inherit'], detached: true }).unref();
  process.exit(0);`;

t.test('what a service has written is found, also where the news of its end comes first', async (t) => {
  const service = new ServiceProcess(t, [], ['--import', `data:text/javascript,${encodeURIComponent(LAST_WORDS)}`]);
  t.match(await service.logged('late'), { msg: 'late' });
  await t.rejects(service.logged('never'), /the service ended first:\n\{"msg":"late"\}/);
});
