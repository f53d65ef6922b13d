// Plays scenarios of declared keys that come line by line on stdin, one JSON object each, and answers each on stdout:
//   new {definition} · want {state} · apply {args} · state {fresh} · attributes · later {seconds}
// Keys bear no tag of Keystead's own here, since scenarios compare tags with those of the definition alone. The clock
// stands still; before each pause {"waiting": n} goes out, and the answer to it moves the clock.
// `cache_ttl` of apply is taken and means nothing, as in the program that the scenarios were made with.
import { createInterface } from 'node:readline';
import type { Clock } from '../../src/core/clock.ts';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';
import type { KeyAdmin } from '../../src/core/key-admin.ts';
import { WANTED_STATES, type WantedState } from '../../src/lifecycle/declaration.ts';
import { Family } from '../../src/lifecycle/family.ts';
import { WatchedKey } from '../../src/lifecycle/watched-key.ts';
import { openKeyAdmin } from '../../src/providers/open.ts';
import { bareAmbient } from '../../src/wiring/ambient.ts';
import { parseKeys } from '../../src/wiring/key-files.ts';

interface Question {
  readonly op: string;
  readonly definition?: unknown;
  readonly state?: string;
  readonly fresh?: boolean;
  readonly seconds?: number;
  readonly args?: {
    readonly sync?: boolean;
    readonly max_timeout?: number | null;
    readonly cascade?: boolean;
  };
}

/** How the program that wrote the scenarios calls them. */
const NAMES: Partial<Record<Reason, string>> = {
  'bad-declaration': 'InvalidConfigException',
  'state-timeout': 'MaxTimeoutException',
};

/** Long: without marks a call that makes a key and is not answered is the end. */
const TIMEOUT_MS = 55_000;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const call = {
  principal: { kind: 'local', name: 'driver', groups: [] },
  signal: new AbortController().signal,
  traceId: '0'.repeat(32),
  listener: 'internal',
} as const;

let now = Date.now();
let waits = 0;
const clock: Clock = {
  now: () => new Date(now),
  async sleep(ms) {
    say({ waiting: ++waits });
    await lines.next();
    now += ms;
  },
};

const { secrets = { env: {}, readFile: () => new Uint8Array() } } = bareAmbient(process.env);
const admins = new Map<string, KeyAdmin>();
let key: WatchedKey | undefined;

async function open(definition: unknown): Promise<WatchedKey> {
  const declarations = parseKeys(Buffer.from(JSON.stringify(definition)), 'definition.json');
  const adminOf = async ({ uri }: { uri: Parameters<typeof openKeyAdmin>[0] }) => {
    const place = JSON.stringify({ ...uri, keyName: undefined });
    const known = admins.get(place);
    if (known !== undefined) return known;
    const admin = await openKeyAdmin(uri, { secrets, marks: false, timeoutMs: TIMEOUT_MS });
    admins.set(place, admin);
    return admin;
  };
  const family = new Family(declarations, adminOf);
  const [declaration] = declarations;
  if (declaration === undefined) throw new KeysteadError('bad-declaration', 'nothing is declared');
  return new WatchedKey({ family, declaration, admin: await adminOf(declaration), clock, marks: false });
}

async function answer(question: Question): Promise<object> {
  if (question.op === 'start' || question.op === 'finish') return { ok: true };
  if (question.op === 'later') {
    now += (question.seconds ?? 0) * 1000;
    return { ok: true };
  }
  if (question.op === 'new') {
    key = await open(question.definition);
    return { ok: true, id: key.id };
  }
  if (key === undefined) throw new KeysteadError('bad-request', 'there is no key yet');
  switch (question.op) {
    case 'want': {
      const state = String(question.state)
        .toLowerCase()
        .replace(/^state\./, '');
      if (!WANTED_STATES.some((known) => known === state)) {
        throw new KeysteadError('bad-declaration', `a key cannot be wanted ${JSON.stringify(question.state)}`);
      }
      key.want(state as WantedState);
      return { ok: true };
    }
    case 'apply': {
      const { sync = true, max_timeout: timeout, cascade = false } = question.args ?? {};
      const applied = await key.apply({ wait: sync, cascade, ...(timeout ? { timeoutS: timeout } : {}) }, call);
      return { ok: true, done: applied.flatMap(({ done }) => done) };
    }
    case 'state':
      return { ok: true, state: await key.state(question.fresh ?? false, call) };
    case 'attributes': {
      const found = await key.attributes(call);
      return { ok: true, arn: found?.resource ?? null, key_id: found?.id ?? null };
    }
    default:
      return { unsupported: question.op };
  }
}

function failed(error: unknown): object {
  const failure = KeysteadError.from(error);
  const causes: string[] = [];
  for (let { cause } = failure; cause instanceof Error; cause = cause.cause) causes.push(cause.name);
  return { error: NAMES[failure.reason] ?? failure.reason, message: failure.message, caused_by: causes };
}

for (;;) {
  const { value, done } = await lines.next();
  if (done === true) break;
  const question = JSON.parse(value) as Question;
  say(await answer(question).catch(failed));
  if (question.op === 'finish') break;
}
for (const admin of admins.values()) await admin.close();
process.exit(0);
