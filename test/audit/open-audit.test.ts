import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { openAudit } from '../../src/audit/open-audit.ts';
import { testAmbient, testConfig } from '../support/services.ts';

t.test('a token file of a collector that holds no token is told by its name, and not quoted', async (t) => {
  const dir = t.testdir({ empty: '', two: 'first-half\nsecond-half', foreign: 'tökén' });
  for (const name of ['empty', 'two', 'foreign', 'missing']) {
    const file = join(dir, name);
    const { audit } = testConfig({ audit: { sink: `http://127.0.0.1:9/in?tokenFile=${encodeURIComponent(file)}` } });
    const trail = await openAudit(audit, { ...testAmbient(), stdout: new PassThrough() });
    const { message } = trail.failure?.() ?? {};
    t.match(message, new RegExp(`takes no line .*${name} (holds no token|is not there)`));
    t.notMatch(message, /half|tökén/);
    await trail.close();
  }
});
