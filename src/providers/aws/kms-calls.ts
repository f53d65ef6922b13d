import type { CreateKeyCommandInput, KeyMetadata, KMSClient, Tag } from '@aws-sdk/client-kms';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import { upstream } from '../../core/upstream.ts';
import type { AwsKms } from './client.ts';
import { awsError } from './errors.ts';

/** Pages of one list at most: behind them the server is not one of AWS. */
const MAX_PAGES = 10_000;
const LIST_LIMIT = 100;

/** The calls to AWS KMS that look after keys: each with its deadline, its one error, and lists to their end. */
export class KmsCalls {
  readonly #kms: AwsKms;
  /** For what must not be sent twice: a second CreateKey makes a second key. */
  readonly #once: KMSClient;
  readonly #timeoutMs: number;

  constructor(kms: AwsKms, once: KMSClient, timeoutMs: number) {
    this.#kms = kms;
    this.#once = once;
    this.#timeoutMs = timeoutMs;
  }

  /** Undefined where there is no such key or alias. */
  async describe(name: string, call: Call): Promise<KeyMetadata | undefined> {
    const { sdk, client } = this.#kms;
    const found = await this.#ifThere(name, call, (abortSignal) =>
      client.send(new sdk.DescribeKeyCommand({ KeyId: name }), { abortSignal }),
    );
    return found?.KeyMetadata;
  }

  async tags(id: string, call: Call): Promise<Tag[]> {
    const { sdk, client } = this.#kms;
    return this.#pages(id, call, async (Marker, abortSignal) => {
      const page = await client.send(new sdk.ListResourceTagsCommand({ KeyId: id, ...(Marker && { Marker }) }), {
        abortSignal,
      });
      return { items: page.Tags, next: page.Truncated === true ? page.NextMarker : undefined };
    });
  }

  /** Ids of the keys that an alias leads to. */
  async aliased(call: Call): Promise<Set<string>> {
    const { sdk, client } = this.#kms;
    const aliases = await this.#pages('all aliases', call, async (Marker, abortSignal) => {
      const input = { Limit: LIST_LIMIT, ...(Marker && { Marker }) };
      const page = await client.send(new sdk.ListAliasesCommand(input), { abortSignal });
      return { items: page.Aliases, next: page.Truncated === true ? page.NextMarker : undefined };
    });
    return new Set(aliases.flatMap(({ TargetKeyId }) => TargetKeyId ?? []));
  }

  async keyIds(call: Call): Promise<string[]> {
    const { sdk, client } = this.#kms;
    const keys = await this.#pages('all keys', call, async (Marker, abortSignal) => {
      const input = { Limit: 10 * LIST_LIMIT, ...(Marker && { Marker }) };
      const page = await client.send(new sdk.ListKeysCommand(input), { abortSignal });
      return { items: page.Keys, next: page.Truncated === true ? page.NextMarker : undefined };
    });
    return keys.flatMap(({ KeyId }) => KeyId ?? []);
  }

  async policy(id: string, call: Call): Promise<string | undefined> {
    const { sdk, client } = this.#kms;
    const input = { KeyId: id, PolicyName: 'default' };
    return (await this.#send(id, call, (at) => client.send(new sdk.GetKeyPolicyCommand(input), at))).Policy;
  }

  /** Days; 0 where the key is not rotated, or cannot be. */
  async rotationDays(id: string, call: Call): Promise<number> {
    const { sdk, client } = this.#kms;
    try {
      const answer = await this.#send(id, call, (at) =>
        client.send(new sdk.GetKeyRotationStatusCommand({ KeyId: id }), at),
      );
      return answer.KeyRotationEnabled === true ? (answer.RotationPeriodInDays ?? 365) : 0;
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'wrong-key-type') return 0;
      throw error;
    }
  }

  async createKey(name: string, input: CreateKeyCommandInput, call: Call): Promise<KeyMetadata> {
    const answer = await this.#send(name, call, (at) => this.#once.send(new this.#kms.sdk.CreateKeyCommand(input), at));
    if (answer.KeyMetadata?.KeyId !== undefined) return answer.KeyMetadata;
    throw new KeysteadError('kms-bad-answer', `${name}: CreateKey was answered without a key; check endpoint`);
  }

  createAlias(alias: string, id: string, call: Call) {
    const { sdk, client } = this.#kms;
    const input = { AliasName: alias, TargetKeyId: id };
    return this.#send(alias, call, (at) => client.send(new sdk.CreateAliasCommand(input), at));
  }

  /** Harmless where it is gone. */
  deleteAlias(alias: string, call: Call) {
    const { sdk, client } = this.#kms;
    return this.#ifThere(alias, call, (abortSignal) =>
      client.send(new sdk.DeleteAliasCommand({ AliasName: alias }), { abortSignal }),
    );
  }

  enable(id: string, call: Call) {
    const { sdk, client } = this.#kms;
    return this.#send(id, call, (at) => client.send(new sdk.EnableKeyCommand({ KeyId: id }), at));
  }

  disable(id: string, call: Call) {
    const { sdk, client } = this.#kms;
    return this.#send(id, call, (at) => client.send(new sdk.DisableKeyCommand({ KeyId: id }), at));
  }

  describeAs(id: string, description: string, call: Call) {
    const { sdk, client } = this.#kms;
    const input = { KeyId: id, Description: description };
    return this.#send(id, call, (at) => client.send(new sdk.UpdateKeyDescriptionCommand(input), at));
  }

  tag(id: string, tags: Tag[], call: Call) {
    const { sdk, client } = this.#kms;
    return this.#send(id, call, (at) => client.send(new sdk.TagResourceCommand({ KeyId: id, Tags: tags }), at));
  }

  untag(id: string, names: string[], call: Call) {
    const { sdk, client } = this.#kms;
    return this.#send(id, call, (at) => client.send(new sdk.UntagResourceCommand({ KeyId: id, TagKeys: names }), at));
  }

  putPolicy(id: string, policy: string, bypass: boolean | undefined, call: Call) {
    const { sdk, client } = this.#kms;
    const more = bypass === undefined ? {} : { BypassPolicyLockoutSafetyCheck: bypass };
    const input = { KeyId: id, PolicyName: 'default', Policy: policy, ...more };
    return this.#send(id, call, (at) => client.send(new sdk.PutKeyPolicyCommand(input), at));
  }

  rotate(id: string, days: number, call: Call) {
    const { sdk, client } = this.#kms;
    return days === 0
      ? this.#send(id, call, (at) => client.send(new sdk.DisableKeyRotationCommand({ KeyId: id }), at))
      : this.#send(id, call, (at) =>
          client.send(new sdk.EnableKeyRotationCommand({ KeyId: id, RotationPeriodInDays: days }), at),
        );
  }

  /** Harmless where the deletion has begun already. */
  async scheduleDeletion(id: string, days: number, call: Call): Promise<void> {
    const { sdk, client } = this.#kms;
    const input = { KeyId: id, PendingWindowInDays: days };
    try {
      await this.#send(id, call, (at) => client.send(new sdk.ScheduleKeyDeletionCommand(input), at));
    } catch (error) {
      if (!(error instanceof KeysteadError) || error.reason !== 'key-pending-deletion') throw error;
    }
  }

  cancelDeletion(id: string, call: Call) {
    const { sdk, client } = this.#kms;
    return this.#send(id, call, (at) => client.send(new sdk.CancelKeyDeletionCommand({ KeyId: id }), at));
  }

  close(): void {
    this.#kms.client.destroy();
    this.#once.destroy();
  }

  async #pages<T>(
    name: string,
    call: Call,
    next: (
      marker: string | undefined,
      signal: AbortSignal,
    ) => Promise<{ items: readonly T[] | undefined; next: string | undefined }>,
  ): Promise<T[]> {
    const all: T[] = [];
    let marker: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const from = marker;
      const answer = await this.#send(name, call, ({ abortSignal }) => next(from, abortSignal));
      all.push(...(answer.items ?? []));
      marker = answer.next;
      if (marker === undefined) return all;
    }
    throw new KeysteadError('kms-bad-answer', `${name}: the list has no end; check endpoint`);
  }

  async #ifThere<T>(name: string, call: Call, run: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#send(name, call, ({ abortSignal }) => run(abortSignal));
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'no-kek') return undefined;
      throw error;
    }
  }

  #send<T>(name: string, call: Call, run: (at: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    const target = { side: 'kms', name: `key ${name}` } as const;
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () =>
        new KeysteadError('kms-timeout', `${target.name}: AWS KMS did not answer in ${this.#timeoutMs} ms`),
      run: (abortSignal) => run({ abortSignal }),
      errorOf: (error) => awsError(error, target),
    });
  }
}
