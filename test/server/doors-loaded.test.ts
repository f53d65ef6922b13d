import t from 'tap';
import { startService } from '../support/service-process.ts';

/** Logs, when the service is ready, the files of packages and doors that have been loaded until then. */
const SPY = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({
    load(url, context, next) {
      if (/node_modules|providers/.test(url)) loaded.push(url);
      return next(url, context);
    },
  });
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text, ...more) => {
    if (String(text).includes('"msg":"ready"')) write(JSON.stringify({ msg: 'loaded', loaded }) + '\\n');
    return write(text, ...more);
  };
`)}`;

/** What only the SDKs of one cloud bring. */
const SDKS = {
  aws: /node_modules\/(@aws-sdk|@smithy)\//,
  gcp: /node_modules\/(@google-cloud|google-gax|google-auth-library|gaxios|protobufjs)\//,
  azure: /node_modules\/(@azure|@azure-rest|@typespec)\//,
} as const;

/** Nobody answers there; a service starts all the same, and says that it is not ready. */
const AWAY = '127.0.0.1:1';
const aws = `region=eu-west-1&accessKeyID=a&accessKey=b&endpoint=http://${AWAY}`;
const azure = `tenantID=t&clientID=c&clientSecret=s&endpoint=https://${AWAY}`;
const SERVICES = {
  cluster: {},
  aws: { kms: `kms://aws?keyName=a&${aws}`, storage: `storage://aws?bucket=bbb&${aws}` },
  gcp: {
    kms: `kms://gcp?projectID=p1&location=global&keyRing=r&keyName=k&endpoint=http://${AWAY}`,
    storage: `storage://gcp?projectID=p1&bucket=bbb&endpoint=http://${AWAY}`,
  },
  azure: {
    kms: `kms://azure?vaultName=v1&vaultType=vault.azure.net&keyName=k&${azure}`,
    storage: `storage://azure?account=acc&container=con&${azure}`,
  },
} as const;

t.setTimeout(400_000);
for (const [name, config] of Object.entries(SERVICES)) {
  t.test(`a service of ${name} has loaded no door and no SDK but those it was asked for`, async (t) => {
    process.env['AZURE_AUTHORITY_HOST'] = `https://${AWAY}`;
    const service = startService(t, { ...config, upstream: { timeout: 100 } }, { execArgv: ['--import', SPY] });
    const { loaded } = (await service.logged('loaded')) as unknown as { loaded: string[] };
    t.ok(
      loaded.some((url) => url.includes('/node_modules/fastify/')),
      'packages are seen',
    );
    const clouds = Object.keys(SDKS) as (keyof typeof SDKS)[];
    const sdks = clouds.filter((cloud) => loaded.some((url) => SDKS[cloud].test(url)));
    const doors = clouds.filter((cloud) => loaded.some((url) => url.includes(`/src/providers/${cloud}/`)));
    const wanted = clouds.filter((cloud) => cloud === name);
    t.same(sdks, wanted, 'SDKs');
    t.same(doors, wanted, 'doors');
  });
}
