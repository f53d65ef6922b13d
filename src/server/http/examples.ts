/**
 * The examples of the documentation: all of the master secret `00 01 … 1f` and the salt `20 21 … 3f`, so that anybody
 * can check them.
 */
export const MASTER_SECRET_EXAMPLE = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
export const SALT_EXAMPLE = 'ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=';

export const KEK_EXAMPLE = { version: 1, fingerprint: 'ba88b0304f8174fe483abf58d37325dd' };

export const DATA_KEY_EXAMPLE = {
  dataKeyId: 'volume-1',
  dataKey: '1J6nYs6tEh1pRxGwTFxF6O+tWFCMvfp0tc312DzucyI=',
  length: 32,
  version: 1,
  check: '87FsZAOHGo9KAXkZOlyvrw==',
  created: false,
  source: 'derived',
};

export const DATA_KEY_INFO_EXAMPLE = {
  dataKeyId: 'volume-1',
  version: 1,
  source: 'derived',
  state: 'active',
  kek: 'kms://cluster-kms',
  kekVersion: '1',
};

/** One that is wrapped and stored, as its KEK and its record are elsewhere. */
export const STORED_DATA_KEY_EXAMPLE = {
  dataKeyId: 'volume-1',
  version: 1,
  source: 'stored',
  state: 'active',
  length: 32,
  kek: 'kms://cluster-kms',
  kekVersion: `1-${KEK_EXAMPLE.fingerprint}`,
  createdAt: '2026-11-22T21:06:00.000Z',
  etag: '7',
};

export const STATUS_EXAMPLE = {
  version: '0.1.0',
  mode: 'derive',
  state: 'ready',
  kms: 'kms://cluster-kms',
  storage: 'storage://memory',
  kek: KEK_EXAMPLE,
  doors: [
    {
      name: 'kms',
      uri: 'kms://cluster-kms',
      state: 'ready',
      operation: 'check',
      latencyMs: 0,
      checkedAt: '2026-11-22T21:07:00.000Z',
      since: '2026-11-22T21:06:00.000Z',
    },
  ],
  tls: {
    clientCertificates: 'none',
    notAfter: '2027-02-20T21:06:00.000Z',
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    loadedAt: '2026-11-22T21:06:00.000Z',
  },
  startedAt: '2026-11-22T21:06:00.000Z',
  development: false,
};

export const REFUSAL_EXAMPLE = {
  auditId: '4bf92f3577b34da6a3ce929d0e0e4736',
  refusals: [
    {
      time: '2026-11-22T21:06:00.000Z',
      principal: {
        kind: 'service-account',
        name: 'system:serviceaccount:team-a:backup',
        groups: [],
        namespace: 'team-a',
        serviceAccount: 'backup',
      },
      action: 'data-key.get',
      resource: 'team-b/volume-1',
      scope: 'id',
      listener: 'http',
      length: 32,
      rule: 'default-deny',
      tried: [
        {
          rule: 'tenants[0]',
          effect: 'allow',
          failed: 'resources',
          why: '"team-b/volume-1" does not match "{{namespace}}/**"',
        },
      ],
      rules: 1,
      advice: 'no rule allows it: add this one, or widen one of those tried',
      smallestRule: [
        '- name: allow-4bf92f35',
        '  effect: allow',
        '  subjects: [{ kind: "service-account", names: ["system:serviceaccount:team-a:backup"] }]',
        '  actions: [data-key.get]',
        '  resources: ["team-b/volume-1"]',
        '  conditions: { maxLength: 32 }',
        '',
      ].join('\n'),
      original: true,
    },
  ],
};
