import { Readable, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';
import { buildApp } from '../../src/server/http/app.ts';
import { testConfig, testServices } from '../support/services.ts';

type Test = { teardown(fn: () => unknown): void };

/** What a command left behind. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  /** Stdout before it was read as text. */
  readonly bytes: Buffer;
  readonly stderr: string;
}

export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly isTTY?: boolean;
  readonly interrupted?: AbortSignal;
  readonly stdin?: string;
  /** Takes the place of stdout. */
  readonly stdout?: Writable;
}

/** Runs one command line in this process. */
export async function keystead(argv: readonly string[], around: Surroundings = {}): Promise<Outcome> {
  const out = collector();
  const err = collector();
  const io: Io = {
    env: around.env ?? {},
    stdin: Readable.from(around.stdin === undefined ? [] : [Buffer.from(around.stdin)]),
    stdout: Object.assign(around.stdout ?? out.stream, { isTTY: around.isTTY ?? false }),
    stderr: Object.assign(err.stream, { isTTY: around.isTTY ?? false }),
    interrupted: () => around.interrupted ?? new AbortController().signal,
  };
  const status = await run(argv, io);
  const bytes = Buffer.concat(out.chunks);
  return { status, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err.chunks).toString() };
}

/** A stream that refuses every write in the operating system's words. */
export function brokenStream(code: string): Writable {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('write'), { code })),
  });
  return stream.on('error', () => undefined);
}

/** Starts a real HTTP service for a test and gives its address. */
export async function startService(t: Test, config: Parameters<typeof testServices>[1] = {}): Promise<string> {
  const services = await testServices(t, config);
  const app = await buildApp({ services, config: testConfig(config), log: false });
  t.teardown(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
}

function collector(): { stream: Writable; chunks: Buffer[] } {
  const chunks: Buffer[] = [];
  // Copies: a command wipes what it has written.
  const write: Writable['_write'] = (chunk, _encoding, done) => {
    chunks.push(Buffer.from(chunk));
    done();
  };
  return { stream: new Writable({ write }), chunks };
}
