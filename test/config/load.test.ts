import fc from 'fast-check';
import t from 'tap';
import { type ConfigInputs, loadConfig, resolveConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { KeysteadError } from '../../src/core/errors.ts';

function inputs(over: Partial<ConfigInputs> & { file?: string } = {}): ConfigInputs {
  const { file, ...rest } = over;
  return {
    flags: file === undefined ? {} : { config: 'k.yaml' },
    env: {},
    readFile: () => Buffer.from(file ?? ''),
    ...rest,
  };
}

function problemOf(over: Partial<ConfigInputs> & { file?: string }): string {
  try {
    loadConfig(inputs(over));
  } catch (error) {
    if (error instanceof KeysteadError && error.reason === 'bad-config' && error.exitStatus === 64)
      return error.message;
    throw error;
  }
  return 'no problem';
}

t.test('without any input, the defaults of the contract hold', async (t) => {
  t.same(loadConfig(inputs()), {
    kms: 'kms://cluster-kms',
    storage: 'storage://memory',
    kek: {},
    upstream: { timeout: 5000, concurrency: 128, rate: 1000, queue: 2048 },
    records: { deletionWindow: 30, constellation: false },
    cache: { ttl: 0, maxKeys: 10_000, offline: 0 },
    http: { listen: '127.0.0.1:8080' },
    grpc: { listen: '127.0.0.1:9000' },
    dev: false,
    workers: 1,
    admin: { listen: 'off' },
    kubernetes: {
      url: 'https://kubernetes.default.svc',
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    },
    auth: {},
    policy: {},
    access: {},
    lifecycle: {},
    audit: { sink: 'stdout', deadline: 2000, spool: 4_194_304, maxFileSize: 104_857_600, checkpoint: 10 },
    limits: {
      connections: 8192,
      requestsPerPrincipal: 600_000,
      requestsPerSource: 1_200_000,
      memory: 0,
      failedLogins: 20,
    },
    tls: { clientCertificate: 'required' },
    insecurePlaintext: false,
    log: { level: 'info' },
  });
});

t.test('flags win over the environment, the environment over the file, the file over defaults', async (t) => {
  const file = 'http:\n  listen: 127.0.0.1:1\ngrpc:\n  listen: 127.0.0.1:2\nworkers: 3\n';
  const env = { KEYSTEAD_GRPC_LISTEN: '127.0.0.1:20', KEYSTEAD_WORKERS: '30' };
  const resolved = resolveConfig(inputs({ file, env, flags: { config: 'k.yaml', workers: 'auto' } }));
  t.equal(resolved.config.http.listen, '127.0.0.1:1');
  t.equal(resolved.config.grpc.listen, '127.0.0.1:20');
  t.equal(resolved.config.workers, 'auto');
  t.equal(resolved.config.log.level, 'info');
  const source = (key: string) => resolved.values.find(({ setting }) => setting.key === key)?.source;
  t.same(source('http.listen'), { kind: 'file', path: 'k.yaml', line: 2 });
  t.same(source('grpc.listen'), { kind: 'environment', name: 'KEYSTEAD_GRPC_LISTEN' });
  t.same(source('workers'), { kind: 'flag', name: 'workers' });
  t.same(source('log.level'), { kind: 'default' });
});

t.test('every setting can be given by file, environment and flag, to the same effect', async (t) => {
  for (const { key, path, env, flag, schema } of SETTINGS) {
    const value = schema.type === 'boolean' ? true : (schema.examples?.[0] ?? schema.default);
    const yaml = path.map((name, depth) => `${'  '.repeat(depth)}${name}:`).join('\n');
    const byFile = loadConfig(inputs({ file: `${yaml} ${JSON.stringify(value)}` }));
    t.same(loadConfig(inputs({ env: { [env]: String(value) } })), byFile, key);
    t.same(loadConfig(inputs({ flags: { [flag]: value === true ? true : String(value) } })), byFile, key);
  }
});

t.test('names are mechanical', async (t) => {
  const names = SETTINGS.map(({ key, env, flag }) => [key, env, flag]);
  t.ok(new Set(names.flat()).size >= SETTINGS.length * 2, 'no two settings share a name');
  t.same(
    names.find(([key]) => key === 'admin.tokenFile'),
    ['admin.tokenFile', 'KEYSTEAD_ADMIN_TOKEN_FILE', 'admin-token-file'],
  );
  t.same(
    names.find(([key]) => key === 'http.listen'),
    ['http.listen', 'KEYSTEAD_HTTP_LISTEN', 'http-listen'],
  );
});

t.test('KEYSTEAD_CONFIG names the file, and --config wins over it', async (t) => {
  const readFile = (path: string) => Buffer.from(`workers: ${path === 'env.yaml' ? 2 : 3}`);
  t.equal(loadConfig({ flags: {}, env: { KEYSTEAD_CONFIG: 'env.yaml' }, readFile }).workers, 2);
  t.equal(loadConfig({ flags: { config: 'flag.yaml' }, env: { KEYSTEAD_CONFIG: 'env.yaml' }, readFile }).workers, 3);
});

t.test('a file that is not there or cannot be read is named', async (t) => {
  const failing = (code?: string) => () => {
    throw Object.assign(new Error('text with a secret'), code === undefined ? {} : { code });
  };
  const flags = { config: 'gone.yaml' };
  for (const [code, reason, message] of [
    ['ENOENT', 'no-file', 'gone.yaml: there is no such file'],
    ['ENOTDIR', 'no-file', 'gone.yaml: there is no such file'],
    ['EACCES', 'cannot-read', 'gone.yaml: it cannot be read (EACCES)'],
    [undefined, 'cannot-read', 'gone.yaml: it cannot be read'],
  ] as const) {
    t.throws(() => loadConfig(inputs({ flags, readFile: failing(code) })), { reason, message, exitStatus: 66 });
  }
});

t.test('a boolean is true or false, 1 or 0 in the environment, and nothing else', async (t) => {
  const dev = (text: string) => loadConfig(inputs({ env: { KEYSTEAD_DEV: text } })).dev;
  t.same(['true', '1', 'false', '0'].map(dev), [true, true, false, false]);
  for (const text of ['yes', 'TRUE', 'on', '2', ' true', 'toString']) {
    t.equal(problemOf({ env: { KEYSTEAD_DEV: text } }), 'KEYSTEAD_DEV: dev must be true or false');
  }
  t.equal(loadConfig(inputs({ flags: { dev: false }, env: { KEYSTEAD_DEV: 'true' } })).dev, false, '--no-dev');
});

t.test('a number is a whole number in its range', async (t) => {
  for (const text of ['0', '-1', '1.5', '257', '1e2', '0x10', 'many', ' 1', '9'.repeat(30)]) {
    const wanted = '--workers: workers must be a whole number from 1 to 256 or auto';
    t.equal(problemOf({ flags: { workers: text } }), wanted, text);
  }
  t.equal(problemOf({ file: 'workers: "4"' }), 'k.yaml:1: workers must be a whole number from 1 to 256 or auto');
});

t.test('an empty variable is refused, since it may have been meant to hold something', async (t) => {
  t.match(problemOf({ env: { KEYSTEAD_KEK_FINGERPRINT: '' } }), /^KEYSTEAD_KEK_FINGERPRINT: .* but it is empty$/);
  t.match(problemOf({ env: { KEYSTEAD_CONFIG: '' } }), /^KEYSTEAD_CONFIG: must be the path of a file/);
  t.match(problemOf({ flags: { config: '' } }), /^--config: must be the path of a file/);
  t.match(problemOf({ file: 'kek:\n  dir: ""' }), /^k.yaml:2: kek.dir must be a path$/);
});

t.test('a variable that a URI refers to may have any name', async (t) => {
  const env = { KEYSTEAD_MASTER_SECRET: 'x', KEYSTEAD_SALT: 'x' };
  const kms = 'kms://cluster-kms?key=env://KEYSTEAD_MASTER_SECRET&salt=env%3A%2f%2FKEYSTEAD_SALT';
  t.equal(loadConfig(inputs({ env, flags: { kms } })).kms, kms);
  t.equal(loadConfig(inputs({ env: { ...env, KEYSTEAD_KMS: kms } })).kms, kms);
  t.equal(loadConfig(inputs({ env, file: `kms: "${kms}"\n` })).kms, kms);
  const other = problemOf({ env: { ...env, KEYSTEAD_SAL: 'x' }, flags: { kms } });
  t.match(other, /^KEYSTEAD_SAL: there is no such variable/);
});

t.test('a listener may be off for gRPC only', async (t) => {
  t.equal(loadConfig(inputs({ file: 'grpc:\n  listen: off' })).grpc.listen, 'off');
  t.match(problemOf({ flags: { 'http-listen': 'off' } }), /^--http-listen: http.listen must be HOST:PORT/);
});

t.test('all problems are reported at once, each with its source', async (t) => {
  const text = problemOf({
    file: 'http:\n  listen: here\nlogg:\n  level: info\n',
    env: { KEYSTEAD_WORKERS: 'x', KEYSTEAD_HTTP_LISTN: 'x' },
    flags: { config: 'k.yaml', 'log-level': 'loud', wokers: '3' },
  });
  t.match(text, /^6 problems in the configuration: /);
  for (const part of [
    'k.yaml:2: http.listen must be HOST:PORT',
    'k.yaml:3: logg is not a setting; did you mean log?',
    'KEYSTEAD_WORKERS: workers must be a whole number',
    'KEYSTEAD_HTTP_LISTN: there is no such variable; did you mean KEYSTEAD_HTTP_LISTEN?',
    '--log-level: log.level must be one of trace, debug, info, warn, error, fatal',
    '--wokers: there is no such flag; did you mean --workers?',
  ]) {
    t.ok(text.includes(part), part);
  }
});

t.test('a wrong value is reported also where a later source overrides it', async (t) => {
  t.match(problemOf({ env: { KEYSTEAD_WORKERS: 'x' }, flags: { workers: '2' } }), /^KEYSTEAD_WORKERS: /);
});

t.test('no problem shows a value that may be a secret', async (t) => {
  const secret = 'hunter2hunter2';
  const texts = [
    problemOf({ env: { KEYSTEAD_KMS: `kms://aws?accessKey=${secret}&keyNam=x` } }),
    problemOf({ flags: { storage: `s3://${secret}` } }),
    problemOf({ file: `kms: [${secret}]` }),
    problemOf({ file: `kms: "kms://aws?accessKey=${secret}\n: : {` }),
    problemOf({ file: `admin: ${secret}` }),
    problemOf({ env: { KEYSTEAD_ADMIN_TOKEN: secret } }),
    problemOf({ flags: { 'admin-token': secret } }),
    problemOf({ file: `kms: !!${secret} x` }),
    problemOf({ file: `kms: *${secret}` }),
  ];
  for (const text of texts) {
    t.not(text, 'no problem');
    t.notOk(text.includes(secret), text);
  }
});

t.test('whatever the inputs are, the answer is a configuration or bad-config', async (t) => {
  const word = fc.oneof(fc.string(), fc.constantFrom(...SETTINGS.flatMap(({ key, flag }) => [key, flag])));
  const env = fc.dictionary(fc.oneof(fc.constantFrom(...SETTINGS.map((one) => one.env)), fc.string()), fc.string());
  fc.assert(
    fc.property(fc.dictionary(word, fc.oneof(fc.string(), fc.boolean())), env, fc.string(), (flags, env, file) => {
      try {
        return typeof loadConfig({ flags, env, readFile: () => Buffer.from(file) }).kms === 'string';
      } catch (error) {
        return error instanceof KeysteadError && error.reason === 'bad-config';
      }
    }),
    { numRuns: 300 },
  );
  t.pass('held for every input');
});
