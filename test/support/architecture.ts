import { dirname, join, normalize } from 'node:path';

/** One row of the import table of docs/explanation/architecture.md. */
export interface Rule {
  /** The sources that it governs: the longest matching path wins. */
  readonly path: string;
  /** What they may import, by path or package name. */
  readonly may: readonly string[];
  /** What they may import as types only. */
  readonly types?: readonly string[];
  /** What they may import by `import()` only. */
  readonly dynamic?: readonly string[];
}

const CORE = 'src/core/';
/** Questions to other services, with bounds. */
const NET = 'src/net/';
/** Files that are made and replaced whole. */
const FILES = 'src/files/';
const ROOMS = [
  'src/data-keys/',
  'src/system/',
  'src/access/',
  'src/secrets-file/',
  'src/key-manager/',
  'src/lifecycle/',
];
const SUPPORT = ['src/config/', 'src/telemetry/', 'src/auth/', 'src/audit/', 'src/policy/'];

export const RULES: readonly Rule[] = [
  { path: CORE, may: [CORE, '@noble/hashes', 'typebox', 'node:crypto', 'node:util', 'node:buffer'] },
  { path: 'src/data-keys/', may: [CORE, 'src/data-keys/'] },
  { path: 'src/secrets-file/', may: [CORE, 'src/secrets-file/', 'yaml'] },
  { path: 'src/system/', may: [CORE, 'src/system/'] },
  { path: 'src/access/', may: [CORE, 'src/access/'] },
  // Asynchronous context, to tell what a callback of a change calls from what others call meanwhile.
  { path: 'src/key-manager/', may: [CORE, 'src/key-manager/', 'node:async_hooks', 'node:util'] },
  {
    path: 'src/key-sources/',
    may: [
      CORE,
      'src/key-sources/',
      'src/key-manager/secret-key-value.ts',
      'src/config/read-small-file.ts',
      'src/config/watch-file.ts',
      'node:',
    ],
    types: ['src/key-manager/'],
  },
  {
    path: 'src/key-manager.ts',
    may: [CORE, 'src/key-manager/', 'src/key-sources/', 'src/wiring/key-manager.ts', 'src/wiring/system.ts'],
  },
  { path: 'src/lifecycle/', may: [CORE, 'src/lifecycle/', 'typebox'] },
  { path: 'src/providers/open.ts', may: [CORE], types: ['src/providers/'], dynamic: ['src/providers/'] },
  { path: 'src/providers/cluster/', may: [CORE, 'src/providers/cluster/', 'node:'] },
  { path: FILES, may: [CORE, FILES, 'node:'] },
  { path: 'src/providers/dotenv/', may: [CORE, FILES, 'src/providers/dotenv/', 'node:'] },
  { path: 'src/providers/memory/', may: [CORE, 'src/providers/memory/', 'node:'] },
  {
    path: 'src/providers/aws/',
    may: [CORE, 'src/providers/aws/', 'node:'],
    types: ['@aws-sdk/'],
    dynamic: ['@aws-sdk/'],
  },
  {
    path: 'src/providers/gcp/',
    may: [CORE, 'src/providers/gcp/', 'node:'],
    types: ['@google-cloud/kms', '@google-cloud/storage'],
    dynamic: ['@google-cloud/kms', '@google-cloud/storage'],
  },
  {
    path: 'src/providers/azure/',
    may: [CORE, 'src/providers/azure/', 'node:'],
    types: ['@azure/'],
    dynamic: ['@azure/'],
  },
  { path: 'src/net/', may: [CORE, 'src/net/', 'src/config/address.ts', 'node:'] },
  { path: 'src/providers/kubernetes/', may: [CORE, 'src/providers/kubernetes/', NET, 'node:'] },
  { path: 'src/auth/', may: [CORE, 'src/auth/', NET, 'node:', 'jose', 'typebox'] },
  { path: 'src/policy/', may: [CORE, 'src/policy/', 'node:', 'typebox', 'yaml'] },
  { path: 'src/audit/', may: [CORE, 'src/audit/', 'node:', '@noble/hashes'] },
  {
    path: 'src/telemetry/',
    may: [CORE, 'src/telemetry/', 'node:', 'pino', '@prometheus-io/client', '@opentelemetry/api'],
  },
  { path: 'src/config/', may: [CORE, 'src/config/', 'node:', 'typebox', 'yaml', 'smol-toml'] },
  {
    path: 'src/server/',
    may: ['src/server/', CORE, 'src/config/', 'src/telemetry/', 'src/wiring.ts', 'src/wiring/', 'node:', 'pino'],
    types: [...ROOMS, 'src/policy/'],
  },
  {
    path: 'src/server/http/',
    may: [
      'src/server/http/',
      'src/server/peers.ts',
      CORE,
      'src/config/',
      'src/telemetry/',
      'node:',
      'fastify',
      'fastify-plugin',
      '@fastify/',
      'helmet',
      'typebox',
      'yaml',
      'pino',
    ],
    types: [...ROOMS, 'src/wiring.ts', 'openapi-types'],
  },
  {
    path: 'src/server/grpc/',
    may: [
      'src/server/grpc/',
      'src/server/connections.ts',
      'src/server/drain.ts',
      'src/server/peers.ts',
      'src/server/tls.ts',
      CORE,
      'src/config/',
      'src/telemetry/',
      'src/gen/',
      'node:',
      '@bufbuild/protobuf',
    ],
    types: [...ROOMS, 'src/server/porch.ts', 'src/wiring.ts', 'src/wiring/tls-file.ts', 'pino'],
  },
  {
    path: 'src/cli/',
    may: [
      'src/cli/',
      CORE,
      FILES,
      'src/config/',
      'src/telemetry/',
      'src/client/',
      'src/version.ts',
      'node:',
      'commander',
      'yaml',
    ],
    types: [...ROOMS, 'src/wiring.ts', 'src/wiring/', 'src/policy/', 'src/audit/verify/'],
    dynamic: [
      'src/audit/verify/',
      'src/server/',
      'src/wiring.ts',
      'src/wiring/',
      'src/providers/open.ts',
      'src/system/doctor.ts',
      'src/secrets-file/',
      'src/policy/',
    ],
  },
  {
    path: 'src/client/',
    may: [
      'src/client/',
      'src/core/errors.ts',
      'src/core/secret-bytes.ts',
      'src/core/encoding.ts',
      'src/core/derive.ts',
      'src/core/data-key-id.ts',
      'src/core/unreadable.ts',
      'src/gen/',
      'node:',
    ],
  },
  { path: 'src/gen/', may: ['src/gen/', '@bufbuild/protobuf'] },
  {
    path: 'src/wiring',
    may: [CORE, ...ROOMS, ...SUPPORT, 'src/key-sources/', 'src/providers/', 'src/wiring/', 'src/version.ts', 'node:'],
  },
  { path: 'src/version.ts', may: ['node:module'] },
  { path: 'src/access.ts', may: [CORE, 'src/access/', 'src/wiring/account-access.ts'] },
  {
    path: 'src/testing.ts',
    may: [CORE, 'src/providers/memory/', 'src/providers/cluster/kek.ts', 'src/wiring/system.ts'],
  },
  { path: 'src/index.ts', may: ['src/'] },
];

export interface Source {
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  readonly kind: 'static' | 'type' | 'dynamic';
}

/** Every import of a source text, in order. */
export function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
  const found: (Import & { at: number })[] = [];
  for (const match of code.matchAll(/^(import|export)\s+(type\s+)?(?:[\w*{][^;'"]*?\bfrom\s+)?['"]([^'"]+)['"]/gm)) {
    found.push({ from: match[3] as string, kind: match[2] === undefined ? 'static' : 'type', at: match.index });
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ from: match[1] as string, kind: 'dynamic', at: match.index });
  }
  return found.sort((a, b) => a.at - b.at).map(({ from, kind }) => ({ from, kind }));
}

/** The imports that no row allows, as `file → target`. */
export function brokenArrows(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const rule = RULES.filter((rule) => path.startsWith(rule.path)).sort((a, b) => b.path.length - a.path.length)[0];
    if (rule === undefined) return [`${path} → (a folder without a rule)`];
    return importsOf(text)
      .map((found) => ({
        ...found,
        target: found.from.startsWith('.') ? normalize(join(dirname(path), found.from)) : found.from,
      }))
      .filter(({ target, kind }) => {
        const allowed = [
          ...rule.may,
          ...(kind === 'type' ? (rule.types ?? []) : []),
          ...(kind === 'dynamic' ? (rule.dynamic ?? []) : []),
        ];
        return !allowed.some(
          (prefix) => target === prefix || target.startsWith(/[/:]$/.test(prefix) ? prefix : `${prefix}/`),
        );
      })
      .map(({ target }) => `${path} → ${target}`);
  });
}

/** Files of more than 300 lines, generated ones aside. */
export function tooLong(sources: readonly Source[]): string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > 300 && !path.startsWith('src/gen/'))
    .map(({ path, lines }) => `${path}: ${lines} lines`);
}
