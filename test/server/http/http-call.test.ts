import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { ANONYMOUS, HttpCall } from '../../../src/server/http/http-call.ts';

const response = (state: { destroyed?: boolean; writableFinished?: boolean } = {}) =>
  Object.assign(new EventEmitter(), { destroyed: false, writableFinished: false }, state) as unknown as ServerResponse;

t.test('nothing listens to the connection until somebody asks for the signal', (t) => {
  const raw = response();
  const call = new HttpCall(ANONYMOUS, 'trace', raw, { listener: 'http' });
  t.equal(raw.listenerCount('close'), 0);
  t.equal(call.signal, call.signal);
  t.equal(raw.listenerCount('close'), 1);
  t.match(call, { traceId: 'trace', listener: 'http', principal: { kind: 'anonymous' } });
  t.end();
});

t.test('the signal is aborted when the caller goes away, not when the answer is out', (t) => {
  const gone = response();
  const { signal } = new HttpCall(ANONYMOUS, 'trace', gone, { listener: 'http' });
  t.equal(signal.aborted, false);
  gone.emit('close');
  t.match(signal.reason, { reason: 'client-gone' });

  const answered = response({ writableFinished: true });
  const { signal: kept } = new HttpCall(ANONYMOUS, 'trace', answered, { listener: 'http' });
  answered.emit('close');
  t.equal(kept.aborted, false);

  t.equal(new HttpCall(ANONYMOUS, 'trace', response({ destroyed: true }), { listener: 'http' }).signal.aborted, true);
  t.end();
});
