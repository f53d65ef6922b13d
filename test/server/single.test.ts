import t from 'tap';
import { startService } from '../support/service-process.ts';

/** Logs, when the service is ready, what has been loaded until then. */
const SPY = `data:text/javascript,${encodeURIComponent(`
  import module from 'node:module';
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text, ...more) => {
    if (String(text).includes('"msg":"ready"')) {
      const loaded = [...process.moduleLoadList, ...Object.keys(module._cache)];
      write(JSON.stringify({ msg: 'loaded', loaded }) + '\\n');
    }
    return write(text, ...more);
  };
`)}`;

t.test("a start loads neither Node's fetch nor Fastify's schema compilers", async (t) => {
  const service = startService(t, {}, { execArgv: ['--import', SPY] });
  const { loaded } = (await service.logged('loaded')) as unknown as { loaded: string[] };
  const among = (part: string) => loaded.filter((name) => name.includes(part));
  t.not(among('/node_modules/fastify/').length, 0, 'packages are seen');
  t.not(among('NativeModule http').length, 0, 'built-in modules are seen');
  t.same(among('undici'), []);
  t.same(among('ajv'), []);
});
