import type { GetParameterHistoryCommandOutput, ParameterMetadata } from '@aws-sdk/client-ssm';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import {
  PARAMETER_ASPECTS,
  type ParameterAspect,
  type ParameterStore,
  type ParameterType,
  type StoreChange,
  type StoredParameter,
} from '../../core/parameters.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { upstream } from '../../core/upstream.ts';
import { uriWithoutCredentials } from '../../core/uri.ts';
import type { ParametersUriOf } from '../../core/uri-schemas.ts';
import { type AwsSsm, openSsm, type PlaceDeps, placeOf } from './client.ts';
import { awsError } from './errors.ts';

/** Names that GetParameters takes. */
const BATCH = 10;
/** Calls at once: PutParameter has a low quota by default, and asks to slow down. */
const WIDTH = 8;
const TIMEOUT_MS = 20_000;
/** What DescribeParameters gives, and nothing else does. */
const DESCRIBED: readonly ParameterAspect[] = ['description', 'key', 'tier', 'policies'];

/** Opens the parameter store of AWS. Throws what `placeOf` throws and `sdk-not-installed`. Makes no call to AWS. */
export async function openSsmParameters(
  uri: ParametersUriOf<'aws'>,
  deps: PlaceDeps & { readonly timeoutMs?: number },
): Promise<ParameterStore> {
  const timeoutMs = deps.timeoutMs ?? TIMEOUT_MS;
  const ssm = await openSsm(await placeOf(uri, deps), timeoutMs);
  return new SsmParameters(uriWithoutCredentials(uri), ssm, timeoutMs);
}

/**
 * Systems Manager Parameter Store. A change is one call, or two with tags or labels, so each is done by itself.
 *
 * Does not promise: that the SDK's copies of a value are wiped; it takes and gives strings.
 */
class SsmParameters implements ParameterStore {
  readonly uri: string;
  readonly keeps = new Set(PARAMETER_ASPECTS);
  readonly width = WIDTH;
  readonly batch = BATCH;
  readonly changes = 1;
  readonly #ssm: AwsSsm;
  readonly #timeoutMs: number;
  /** Versions of parameters whose tags or labels failed: given again, they are not written again. */
  readonly #begun = new WeakMap<StoredParameter, number | undefined>();

  constructor(uri: string, ssm: AwsSsm, timeoutMs: number) {
    this.uri = uri;
    this.#ssm = ssm;
    this.#timeoutMs = timeoutMs;
  }

  place(path: string, name: string): string {
    return path + name;
  }

  async list(path: string, call: Call): Promise<string[]> {
    const { sdk, client } = this.#ssm;
    const places: string[] = [];
    const Path = path.replace(/\/+$/, '') || '/';
    let next: string | undefined;
    do {
      const input = { Path, Recursive: true, MaxResults: BATCH, ...(next === undefined ? {} : { NextToken: next }) };
      const page = await this.#send(call, Path, (signal) =>
        client.send(new sdk.GetParametersByPathCommand(input), { abortSignal: signal }),
      );
      places.push(...(page.Parameters ?? []).flatMap(({ Name }) => (Name?.startsWith(path) ? [Name] : [])));
      next = page.NextToken;
    } while (next !== undefined);
    return places.sort();
  }

  async read(
    places: readonly string[],
    aspects: ReadonlySet<ParameterAspect>,
    call: Call,
  ): Promise<ReadonlyMap<string, StoredParameter>> {
    if (places.length === 0) return new Map();
    const { sdk, client } = this.#ssm;
    const input = { Names: [...places], WithDecryption: true };
    const { Parameters: values = [] } = await this.#send(call, places[0] as string, (signal) =>
      client.send(new sdk.GetParametersCommand(input), { abortSignal: signal }),
    );
    const found = values.flatMap(({ Name }) => (Name === undefined ? [] : [Name]));
    const described = DESCRIBED.some((aspect) => aspects.has(aspect)) ? await this.#describe(found, call) : new Map();
    const stored = values.map(async ({ Name: name = '', Value, Type, Version }) => {
      const more = {
        ...metadataOf(described.get(name)),
        ...(aspects.has('tags') ? { tags: await this.#tags(name, call) } : {}),
        ...(aspects.has('labels') ? { labels: await this.#labels(name, call) } : {}),
      };
      const kept = Object.entries(more).filter(([aspect]) => aspects.has(aspect as ParameterAspect));
      const parameter: StoredParameter = {
        value: SecretBytes.own(new TextEncoder().encode(Value ?? '')),
        type: Type as ParameterType,
        version: Version ?? 0,
        ...Object.fromEntries(kept),
      };
      return [name, parameter] as const;
    });
    return new Map(await Promise.all(stored));
  }

  async apply(changes: readonly StoreChange[], call: Call): Promise<(number | undefined)[]> {
    const versions: (number | undefined)[] = [];
    for (const change of changes) versions.push(await this.#applyOne(change, call));
    return versions;
  }

  async close(): Promise<void> {
    this.#ssm.client.destroy();
  }

  async #applyOne(change: StoreChange, call: Call): Promise<number | undefined> {
    const { sdk, client } = this.#ssm;
    const { place } = change;
    if (change.kind === 'tag') {
      await this.#addTags(place, change.set, call);
      if (change.remove.length > 0) {
        const input = { ResourceType: 'Parameter' as const, ResourceId: place, TagKeys: [...change.remove] };
        await this.#send(call, place, (signal) =>
          client.send(new sdk.RemoveTagsFromResourceCommand(input), { abortSignal: signal }),
        );
      }
      await this.#addLabels(place, undefined, change.labels ?? [], call);
      return undefined;
    }
    if (change.kind === 'delete') {
      await this.#send(
        call,
        place,
        (signal) => client.send(new sdk.DeleteParameterCommand({ Name: place }), { abortSignal: signal }),
        'ParameterNotFound',
      );
      return undefined;
    }
    return this.#put(place, change.parameter, call);
  }

  async #put(place: string, parameter: StoredParameter, call: Call): Promise<number | undefined> {
    if (!this.#begun.has(parameter)) this.#begun.set(parameter, await this.#putValue(place, parameter, call));
    const version = this.#begun.get(parameter);
    await this.#addTags(place, parameter.tags ?? new Map(), call);
    await this.#addLabels(place, version, parameter.labels ?? [], call);
    this.#begun.delete(parameter);
    return version;
  }

  async #putValue(place: string, parameter: StoredParameter, call: Call): Promise<number | undefined> {
    const { sdk, client } = this.#ssm;
    const { value, type = 'String', description, key, tier, policies } = parameter;
    const input = {
      Name: place,
      Value: Buffer.from(value.expose()).toString('utf8'),
      Type: type,
      Overwrite: true,
      ...(description === undefined ? {} : { Description: description }),
      ...(type === 'SecureString' && key !== undefined ? { KeyId: key } : {}),
      ...(tier === undefined ? {} : { Tier: tier as 'Standard' }),
      ...(policies === undefined ? {} : { Policies: policies }),
    };
    const { Version } = await this.#send(call, place, (signal) =>
      client.send(new sdk.PutParameterCommand(input), { abortSignal: signal }),
    );
    return Version;
  }

  async #addLabels(place: string, version: number | undefined, labels: readonly string[], call: Call): Promise<void> {
    if (labels.length === 0) return;
    const { sdk, client } = this.#ssm;
    const input = { Name: place, Labels: [...labels], ...(version === undefined ? {} : { ParameterVersion: version }) };
    await this.#send(call, place, (signal) =>
      client.send(new sdk.LabelParameterVersionCommand(input), { abortSignal: signal }),
    );
  }

  async #addTags(place: string, tags: ReadonlyMap<string, string>, call: Call): Promise<void> {
    if (tags.size === 0) return;
    const { sdk, client } = this.#ssm;
    const Tags = [...tags].sort(([a], [b]) => (a < b ? -1 : 1)).map(([Key, Value]) => ({ Key, Value }));
    const input = { ResourceType: 'Parameter', ResourceId: place, Tags } as const;
    await this.#send(call, place, (signal) =>
      client.send(new sdk.AddTagsToResourceCommand(input), { abortSignal: signal }),
    );
  }

  async #describe(places: readonly string[], call: Call): Promise<Map<string, ParameterMetadata>> {
    const { sdk, client } = this.#ssm;
    if (places.length === 0) return new Map();
    const found = new Map<string, ParameterMetadata>();
    let next: string | undefined;
    do {
      const input = {
        ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: [...places] }],
        MaxResults: 50,
        ...(next === undefined ? {} : { NextToken: next }),
      };
      const page = await this.#send(call, places[0] as string, (signal) =>
        client.send(new sdk.DescribeParametersCommand(input), { abortSignal: signal }),
      );
      for (const one of page.Parameters ?? []) if (one.Name !== undefined) found.set(one.Name, one);
      next = page.NextToken;
    } while (next !== undefined);
    return found;
  }

  async #tags(place: string, call: Call): Promise<Map<string, string>> {
    const { sdk, client } = this.#ssm;
    const input = { ResourceType: 'Parameter', ResourceId: place } as const;
    const { TagList = [] } = await this.#send(call, place, (signal) =>
      client.send(new sdk.ListTagsForResourceCommand(input), { abortSignal: signal }),
    );
    // AWS sets these itself, and nobody else can.
    const own = TagList.filter(({ Key }) => !Key?.startsWith('aws:'));
    return new Map(own.map(({ Key = '', Value = '' }) => [Key, Value]));
  }

  async #labels(place: string, call: Call): Promise<string[]> {
    const { sdk, client } = this.#ssm;
    let newest: NonNullable<GetParameterHistoryCommandOutput['Parameters']>[number] | undefined;
    let next: string | undefined;
    do {
      const input = { Name: place, MaxResults: 50, ...(next === undefined ? {} : { NextToken: next }) };
      const page = await this.#send(call, place, (signal) =>
        client.send(new sdk.GetParameterHistoryCommand(input), { abortSignal: signal }),
      );
      for (const one of page.Parameters ?? []) if ((one.Version ?? 0) > (newest?.Version ?? 0)) newest = one;
      next = page.NextToken;
    } while (next !== undefined);
    return [...(newest?.Labels ?? [])].sort();
  }

  /** @param absent the error name that means that there is nothing to do. */
  async #send<T>(call: Call, place: string, run: (signal: AbortSignal) => Promise<T>, absent?: string): Promise<T> {
    const name = `parameter ${place}`;
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () => new KeysteadError('store-timeout', `${name}: AWS did not answer in ${this.#timeoutMs} ms`),
      run: async (signal) => {
        try {
          return await run(signal);
        } catch (error) {
          if (absent !== undefined && error instanceof Error && error.name === absent) return undefined as T;
          throw awsError(error, { side: 'store', name });
        }
      },
    });
  }
}

function metadataOf(metadata: ParameterMetadata | undefined): Partial<StoredParameter> {
  if (metadata === undefined) return {};
  const { Description, KeyId, Tier, Policies } = metadata;
  return {
    description: Description ?? '',
    ...(KeyId === undefined ? {} : { key: KeyId }),
    ...(Tier === undefined ? {} : { tier: Tier }),
    policies: `[${(Policies ?? []).map(({ PolicyText }) => PolicyText ?? 'null').join(',')}]`,
  };
}
