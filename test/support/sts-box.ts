import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One call to the security token service, and who made it. */
export interface StsCall {
  readonly action: string;
  readonly by: string;
  readonly params: Readonly<Record<string, string>>;
  readonly error?: string;
}

/** What goes otherwise than moto has it; the first rule that fits counts, and one with `times` is used up. */
export interface StsRule {
  readonly action: string;
  /** Patterns for parameters. */
  readonly match?: Readonly<Record<string, string>>;
  /** Pattern for the ARN of who asks. */
  readonly caller?: string;
  times?: number;
  readonly error?: true | { readonly code: string; readonly message?: string; readonly status?: number };
  /** Seconds that assumed roles live. */
  readonly expires_in?: number;
  /** What GetCallerIdentity answers, or in the ARN of AssumeRole. */
  readonly account?: string;
}

export interface StsBox {
  readonly url: string;
  rules: StsRule[];
  /** The calls since the last time that they were asked for. */
  take(): StsCall[];
  /** The ARN behind an access key. */
  whoIs(accessKeyId: string): string;
}

/** Stands in front of moto's security token service: writes every call down, and breaks what the rules say. */
export async function stsBox(t: { teardown(fn: () => unknown): unknown }, moto: string): Promise<StsBox> {
  let calls: StsCall[] = [];
  const arns = new Map<string, string>();
  const whoIs = (id: string) => arns.get(id) ?? `arn:aws:iam::123456789012:user/${id}`;
  const box: StsBox = {
    url: '',
    rules: [],
    take: () => calls.splice(0),
    whoIs,
  };
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const { Action: action = '', Version: _, ...params } = Object.fromEntries(new URLSearchParams(body.toString()));
    const by = whoIs(/Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? 'nobody');
    const rule = box.rules.find((each) => fits(each, action, params, by));
    if (rule?.times !== undefined) rule.times--;
    const answer = rule?.error === undefined ? await forward(moto, request, body) : refusal(rule.error, by, params);
    const text = rule === undefined ? answer.text : changed(answer.text, rule);
    const arn = /<AssumedRoleUser>[\s\S]*?<Arn>([^<]+)/.exec(answer.text)?.[1];
    const id = /<AccessKeyId>([^<]+)/.exec(answer.text)?.[1];
    if (arn !== undefined && id !== undefined) arns.set(id, arn);
    const error = answer.status < 400 ? undefined : /<Code>([^<]+)/.exec(answer.text)?.[1];
    calls.push({ action, by, params, ...(error === undefined ? {} : { error }) });
    response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  calls = [];
  return Object.assign(box, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/** The roles that were taken, each as `by → role (external id): error`. */
export function hops(calls: readonly StsCall[]): string[] {
  return calls
    .filter(({ action }) => action === 'AssumeRole')
    .map(({ by, params, error }) => {
      const more = params['ExternalId'] === undefined ? '' : ` (${params['ExternalId']})`;
      return `${by} → ${params['RoleArn']} as ${params['RoleSessionName']}${more}${error === undefined ? '' : `: ${error}`}`;
    });
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function forward(moto: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const { authorization = '', 'content-type': type = 'application/x-www-form-urlencoded' } = request.headers;
  const headers = { 'content-type': type, ...(authorization === '' ? {} : { authorization }) };
  const answer = await fetch(moto, { method: 'POST', headers, body: new Uint8Array(body) });
  return { status: answer.status, text: await answer.text() };
}

function fits(rule: StsRule, action: string, params: Readonly<Record<string, string>>, by: string): boolean {
  if (rule.action !== action || rule.times === 0) return false;
  if (rule.caller !== undefined && !new RegExp(rule.caller).test(by)) return false;
  return Object.entries(rule.match ?? {}).every(([name, pattern]) => new RegExp(pattern).test(params[name] ?? ''));
}

function refusal(error: NonNullable<StsRule['error']>, by: string, params: Readonly<Record<string, string>>): Answer {
  const text = `User: ${by} is not authorized to perform: sts:AssumeRole on resource: ${params['RoleArn']}`;
  const {
    code,
    message = code,
    status = 400,
  } = error === true ? { code: 'AccessDenied', message: text, status: 403 } : error;
  return {
    status,
    text: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>0</RequestId></ErrorResponse>`,
  };
}

function changed(text: string, { expires_in, account }: StsRule): string {
  let result = text;
  if (expires_in !== undefined) {
    const end = new Date(Date.now() + expires_in * 1000).toISOString();
    result = result.replace(/<Expiration>[^<]*/, `<Expiration>${end}`);
  }
  if (account === undefined) return result;
  return result.replace(/<Account>[^<]*/, `<Account>${account}`).replace(/(<Arn>arn:aws:sts::)\d+/, `$1${account}`);
}
