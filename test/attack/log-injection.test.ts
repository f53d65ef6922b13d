import t from 'tap';
import { signed } from '../auth/support/issuer.ts';
import { ADMIN, AUDIENCE, escaped, openHouse } from './support/house.ts';

t.setTimeout(400_000);

/**
 * Ids, names and headers that would be another line, a colour, or another record, if they were written as they are: the
 * trail has one line for each event, all of it printable, and gives back what was sent.
 */

const house = await openHouse(t);
const FORGED = '{"audit":2,"outcome":"ok","principal":{"kind":"token","name":"admin"}}';
const TEXTS: readonly string[] = [
  `x\n${FORGED}`,
  `x\r\n${FORGED}\r\n`,
  `x\u2028${FORGED}\u2029`,
  `x\u0085${FORGED}`,
  `x\v\f\u001c\u001d\u001e${FORGED}`,
  `","outcome":"ok","x":"`,
  '\\","outcome":"ok',
  `\u001b[2J\u001b[31mred\u001b[0m`,
  `\u001b]0;title\u0007`,
  '\u009b31mred\u009c',
  '\u202egnp.exe\u2066',
  '\u0000',
  '\u007f\b\b\b',
  '\u200b\ufeff',
  '{{namespace}}',
  `\${jndi:ldap://127.0.0.1/x}`,
  '%0a%0d',
  '<script>alert(1)</script>',
  '=1+1',
];

/** What a terminal, a pager or another reader of lines would take for something else than text. */
const UNSEEN = /(?!\n)\p{C}|[\p{Zl}\p{Zp}]/u;

/** A text for the name of a check, which the runner's own output must survive. */
const shown = (text: string) => encodeURIComponent(text);

/** Lines of the trail that no line of this test has been seen for yet. */
const linesSince = async (from: number, count: number): Promise<Record<string, unknown>[]> =>
  house.service.until(() => {
    const lines = house.service.audit.slice(from);
    return lines.length >= count ? lines : undefined;
  });

t.test('an id stands in one line of the trail, as it is, and nothing of it can be seen as anything else', async (t) => {
  const token = await house.tenant('team-a');
  for (const text of TEXTS) {
    const from = house.service.audit.length;
    const [own, foreign] = [`team-a/${text}`, `team-b/${text}`];
    await house.ask(`/v1/data-keys/${escaped(own)}/get`, { token });
    await house.ask(`/v1/data-keys/${escaped(foreign)}/get`, { token });
    await house.grpc(own, token);
    const lines = await linesSince(from, 3);
    t.equal(lines.length, 3);
    t.same(
      lines.map(({ resource }) => resource),
      [own, foreign, own],
      shown(text),
    );
    t.same(
      lines.map(({ outcome }) => outcome),
      ['ok', 'denied', 'ok'],
    );
    t.ok(lines.every(({ principal }) => (principal as { name: string }).name === 'system:serviceaccount:team-a:web'));
  }
  const { stdout, stderr } = house.service;
  t.notMatch(stdout, UNSEEN, 'the trail has nothing that cannot be seen');
  t.notMatch(stderr, UNSEEN, 'nor has the log');
  t.ok(
    stdout
      .split('\n')
      .slice(0, -1)
      .every((line) => line.startsWith('{"audit":2,') && line.endsWith('"}')),
  );
});

t.test('names of callers that would be more than a name are refused', async (t) => {
  for (const text of TEXTS) {
    const from = house.service.audit.length;
    const claims = { iss: house.corp.url, aud: AUDIENCE, sub: text, groups: [text] };
    const token = await signed(house.keys.corp, claims, Date.now());
    const { status } = await house.ask('/v1/data-keys/x/get', { token });
    if (/[\p{C}\p{Z}]/u.test(text)) t.equal(status, 401, shown(text));
    else {
      t.equal(status, 403);
      t.match((await linesSince(from, 1))[0], { principal: { kind: 'oidc', name: `corp:${text}` } });
    }
  }
  t.notMatch(house.service.stdout, UNSEEN);
});

t.test('headers and paths do not reach log, trail or answer as they are', async (t) => {
  const latin1 = TEXTS.map((text) => Buffer.from(text.replaceAll(/[\r\n\0]/g, ' ')).toString('latin1'));
  const before = house.service.audit.length;
  for (const text of latin1) {
    const headers = [
      `User-Agent: ${text}`,
      `X-Request-Id: ${text}`,
      `traceparent: 00-${text}-01`,
      `X-Forwarded-For: ${text}`,
    ];
    const answer = await house.ask('/v1/data-keys/a/get', { token: ADMIN, headers });
    if (answer.status === 400) continue;
    t.equal(answer.status, 200, shown(text));
    t.match(answer.headers, { 'keystead-audit-id': undefined });
  }
  for (const text of TEXTS) {
    const answer = await house.ask(`/${escaped(text)}`, { method: 'GET' });
    t.equal(answer.status, 404, shown(text));
    t.notMatch(answer.body, UNSEEN);
    const refused = await house.ask(`/v1/data-keys?${escaped(text)}=1`, { method: 'GET', token: ADMIN });
    t.equal(refused.status, 400, shown(text));
  }
  const lines = house.service.audit.slice(before);
  t.ok(lines.every(({ auditId, source }) => /^[0-9a-f]{32}$/.test(String(auditId)) && source === '127.0.0.1'));
  t.notMatch(house.service.stderr, /ldap:|alert|gnp\.exe/, 'the log has nothing of it');
  t.notMatch(house.service.stderr + house.service.stdout, UNSEEN);
});

t.test('metrics have no label that a caller has made up', async (t) => {
  for (const text of TEXTS) await house.ask(`/v1/nowhere/${escaped(text)}`, { method: 'GET' });
  const { body } = await house.ask('/metrics', { method: 'GET', token: ADMIN });
  t.match(body, 'keystead_');
  t.notMatch(body, /ldap:|alert|gnp\.exe|team-a/);
  t.notMatch(body, UNSEEN);
});
