import { request } from 'node:https';

export interface Asked {
  readonly method?: string;
  readonly token?: string;
  readonly body?: object;
}

/** One request over TLS, as any caller makes it. */
export function askOver(
  url: string,
  ca: string,
  { method = 'GET', token, body }: Asked,
): Promise<{ status: number; text: string; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sent = request(url, { method, ca, headers, servername: 'localhost' }, async (response) => {
      const text = (await response.toArray()).join('');
      resolve({ status: response.statusCode ?? 0, text, body: text.startsWith('{') ? JSON.parse(text) : {} });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
