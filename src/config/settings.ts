import { ConfigSchema, type Holds } from './schema.ts';

/** The part of JSON Schema that the configuration schema uses for one setting. */
export interface LeafSchema {
  readonly type?: string;
  readonly anyOf?: readonly LeafSchema[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly 'x-holds'?: Holds;
}

/** One setting with its mechanical names: `http.listen`, `KEYSTEAD_HTTP_LISTEN`, `--http-listen`. */
export interface Setting {
  readonly path: readonly string[];
  readonly key: string;
  readonly env: string;
  /** Without the dashes. */
  readonly flag: string;
  readonly schema: LeafSchema;
}

interface GroupSchema {
  readonly properties: Readonly<Record<string, LeafSchema & Partial<GroupSchema>>>;
}

/** Every setting of the configuration, in the order of the schema. */
export const SETTINGS: readonly Setting[] = leaves(ConfigSchema as GroupSchema, []);

/** The names of the groups that settings stand in: `http`, `grpc`, … */
export const GROUPS: ReadonlySet<string> = new Set(
  SETTINGS.flatMap(({ path }) => path.slice(1).map((_, end) => path.slice(0, end + 1).join('.'))),
);

function leaves(group: GroupSchema, above: readonly string[]): Setting[] {
  return Object.entries(group.properties).flatMap(([name, schema]) => {
    const path = [...above, name];
    return schema.properties === undefined ? [setting(path, schema)] : leaves(schema as GroupSchema, path);
  });
}

function setting(path: readonly string[], schema: LeafSchema): Setting {
  const words = path.flatMap((name) => name.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  return {
    path,
    key: path.join('.'),
    env: ['KEYSTEAD', ...words].join('_').toUpperCase(),
    flag: words.join('-'),
    schema,
  };
}
