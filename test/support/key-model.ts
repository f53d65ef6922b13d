import { isTombstone, readRecord } from '../../src/core/wrapped-record.ts';
import { lastVersionOf } from '../../src/data-keys/record-state.ts';
import type { Explorable } from './explorer.ts';
import {
  Contents,
  DONE,
  NOTHING,
  REFUSED,
  type Script,
  SteppedClient,
  type StoreRequest,
  type Told,
  UNREACHABLE,
} from './stepped-client.ts';

/** One record in a store, three clients who run the real code, and whatever can happen between them. */
interface State {
  /** Every content that the record has had; the last one is there now. */
  readonly contents: readonly number[];
  readonly clients: readonly ClientState[];
  /** Writes that are still under way, and that nobody waits for any more. */
  readonly late: readonly Write[];
  /** Faults that may still happen. */
  readonly faults: number;
}

/** Where a client stands, or what its caller was told before it ended or died. */
type ClientState = number | string;
type Write = Exclude<StoreRequest, { does: 'read' }>;

/** Whether a store does what it is asked, given the content that is there. */
export type Obeys = (write: Write, now: number | undefined) => boolean;

/** What a store promises. */
export const conditional: Obeys = (write, now) => (write.does === 'create' ? now === undefined : write.over === now);

export interface Setup {
  /** Of at most three clients, a, b and c. */
  readonly scripts: readonly Script[];
  /** Of all clients together; deaths are not counted. */
  readonly faults: number;
  readonly restorableMs?: number;
  readonly obeys?: Obeys;
}

export async function keyModel({
  scripts,
  faults,
  restorableMs = 1000,
  obeys = conditional,
}: Setup): Promise<Explorable<State>> {
  const contents = new Contents();
  const clients = scripts.map((script, n) => {
    return new SteppedClient({ name: 'abc'.charAt(n), script, restorableMs, contents });
  });
  const first = await Promise.all(clients.map((client) => client.start()));
  const facts = factsOf(contents);
  const toldBy = (state: ClientState, n: number): readonly Told[] =>
    typeof state === 'string' ? tales(state) : (clients[n]?.at(state).told ?? []);
  return {
    start: { contents: [], clients: first.map(({ number }) => number), late: [], faults },
    keyOf: ({ contents, clients, late, faults }) =>
      `${contents.join()}/${clients.join(';')}/${late.map(writeName).sort().join()}/${faults}`,
    async following(state) {
      const after: [string, State][] = [];
      for (const [n, client] of state.clients.entries()) {
        if (typeof client === 'string') continue;
        const { request, told } = (clients[n] as SteppedClient).at(client);
        const ended = JSON.stringify(told);
        const become = (next: ClientState) => state.clients.map((one, m) => (m === n ? next : one));
        after.push([
          'abc'.charAt(n) + (request === undefined ? ' ends' : ' dies'),
          { ...state, clients: become(ended) },
        ]);
        if (request === undefined) continue;
        for (const { by, answer, ...change } of happenings(state, request, obeys)) {
          const next = answer === undefined ? ended : (await (clients[n] as SteppedClient).told(client, answer)).number;
          after.push([`${'abc'.charAt(n)}: ${request.does}${by}`, { ...state, ...change, clients: become(next) }]);
        }
      }
      for (const [n, write] of state.late.entries()) {
        const late = state.late.filter((_, m) => m !== n);
        after.push([
          `a late ${write.does} arrives`,
          { ...state, contents: written(state.contents, write, obeys), late },
        ]);
      }
      return after;
    },
    wrongWith: (state) => wrongWith(state.contents.map(facts), state.clients.flatMap(toldBy), restorableMs > 0),
  };
}

interface Happening extends Partial<Pick<State, 'contents' | 'late' | 'faults'>> {
  readonly by: string;
  /** What the client is told; absent where it died. */
  readonly answer?: number;
}

function happenings(state: State, request: StoreRequest, obeys: Obeys): readonly Happening[] {
  return request.does === 'read' ? readings(state) : writings(state, request, obeys);
}

function readings({ contents, faults }: State): readonly Happening[] {
  const now = contents.at(-1) ?? NOTHING;
  const well = { by: '', answer: now };
  if (faults === 0) return [well];
  const past = new Set([NOTHING, ...contents].filter((content) => content !== now));
  const lagging = [...past].map((answer) => ({ by: ' sees the past', answer, faults: faults - 1 }));
  return [well, { by: ' fails', answer: UNREACHABLE, faults: faults - 1 }, ...lagging];
}

function writings(state: State, write: Write, obeys: Obeys): readonly Happening[] {
  const contents = written(state.contents, write, obeys);
  const answer = contents === state.contents ? REFUSED : DONE;
  const late = [...state.late, write];
  const well = [
    { by: '', answer, contents },
    { by: ' is under way when it dies', late },
  ];
  if (state.faults === 0) return well;
  const faults = state.faults - 1;
  const again = written(contents, write, obeys);
  return [
    ...well,
    { by: ' fails', answer: UNREACHABLE, faults },
    { by: ' loses its answer', answer: UNREACHABLE, contents, faults },
    { by: ' is given up, and comes late', answer: UNREACHABLE, late, faults },
    { by: ' is doubled, and one comes late', answer, contents, late, faults },
    { by: ' is repeated at once', answer: again === contents ? REFUSED : DONE, contents: again, faults },
  ];
}

function written(contents: readonly number[], write: Write, obeys: Obeys): readonly number[] {
  return obeys(write, contents.at(-1)) ? [...contents, write.content] : contents;
}

function writeName(write: Write): string {
  return write.does === 'create' ? `${write.content}` : `${write.over}>${write.content}`;
}

/** What a content says of its keys. */
interface Facts {
  readonly lastVersion: number;
  readonly keys: ReadonlyMap<number, string>;
}

function factsOf(contents: Contents): (content: number) => Facts {
  const known = new Map<number, Facts>();
  return (content) => {
    const found = known.get(content) ?? read(contents.textOf(content));
    known.set(content, found);
    return found;
  };
}

function read(text: string): Facts {
  const record = readRecord(Buffer.from(text), 'a');
  const versions = isTombstone(record) ? [] : record.versions;
  const keyIn = (bytes: Uint8Array): string => JSON.parse(Buffer.from(bytes).toString()).key;
  const keys = new Map(versions.map(({ version, wrapped }) => [version, keyIn(wrapped.bytes)]));
  return { lastVersion: lastVersionOf(record), keys };
}

const KNOWN_TALES = new Map<string, readonly Told[]>();
function tales(text: string): readonly Told[] {
  const told = KNOWN_TALES.get(text) ?? JSON.parse(text);
  KNOWN_TALES.set(text, told);
  return told;
}

/** What must hold in every state, whatever has happened so far. */
function wrongWith(all: readonly Facts[], told: readonly Told[], neverPurged: boolean): string | undefined {
  const stored = new Map<number, string>();
  let last = 0;
  for (const { lastVersion, keys } of all) {
    if (lastVersion < last) return 'a version number went back';
    last = lastVersion;
    for (const [version, key] of keys) {
      if ((stored.get(version) ?? key) !== key) return `version ${version} was stored with two keys`;
      stored.set(version, key);
    }
  }
  const now = all.at(-1);
  const made = new Set<number>();
  for (const { version, key, created } of told) {
    if (version === undefined) continue;
    if (stored.get(version) !== key) return `version ${version} was handed out with a key that was never stored`;
    if (created && made.has(version)) return `two callers were told that they made version ${version}`;
    if (created) made.add(version);
    if (neverPurged && now?.keys.get(version) !== key) return `version ${version} was handed out, and is lost`;
  }
  return undefined;
}
