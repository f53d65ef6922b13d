import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { freePorts } from './free-port.ts';

t.test('free ports are several ones that nobody has, and that no system gives by itself', async (t) => {
  const ports = await freePorts(3);
  t.equal(new Set(ports).size, 3);
  for (const port of ports) {
    t.ok(port < 32_768, 'below where Linux begins');
    const [error] = await once(connect(port, '127.0.0.1'), 'error');
    t.match(error, { code: 'ECONNREFUSED' });
  }
});
