import t from 'tap';
import { CLIENT_VARIABLES, environmentValues, SECRETS_VARIABLES } from '../../src/config/environment.ts';

t.test('variables of the client commands, of `keystead secrets` and of others are left alone', async (t) => {
  const others = [...CLIENT_VARIABLES, ...SECRETS_VARIABLES, 'PATH', 'KEYSTEADY'];
  const env = Object.fromEntries(others.map((name) => [name, 'x']));
  t.same(environmentValues(env), { given: [], problems: [] });
});

t.test('variables that Kubernetes makes for a Service named keystead do not stop the start', async (t) => {
  const env = {
    KEYSTEAD_SERVICE_HOST: '10.0.0.1',
    KEYSTEAD_SERVICE_PORT: '8080',
    KEYSTEAD_SERVICE_PORT_HTTP: '8080',
    KEYSTEAD_PORT: 'tcp://10.0.0.1:8080',
    KEYSTEAD_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
    KEYSTEAD_PORT_8080_TCP_PROTO: 'tcp',
    KEYSTEAD_PORT_8080_TCP_PORT: '8080',
    KEYSTEAD_PORT_8080_TCP_ADDR: '10.0.0.1',
    KEYSTEAD_ADMIN_SERVICE_HOST: '10.0.0.2',
    KEYSTEAD_ADMIN_PORT_9443_TCP_ADDR: '10.0.0.2',
  };
  t.same(environmentValues(env), { given: [], problems: [] });
});

t.test('an unknown variable is a problem, with the nearest known name', async (t) => {
  const texts = environmentValues({ KEYSTEAD_TOKN_FILE: 'x', KEYSTEAD_: 'x', KEYSTEAD_PORTS: 'x' }).problems.map(
    ({ source, text }) => [source, text],
  );
  t.match(texts, [
    [{ kind: 'environment', name: 'KEYSTEAD_TOKN_FILE' }, 'no such variable; did you mean KEYSTEAD_TOKEN_FILE?'],
    [{ kind: 'environment', name: 'KEYSTEAD_' }, 'there is no such variable'],
    [{ kind: 'environment', name: 'KEYSTEAD_PORTS' }, 'there is no such variable'],
  ]);
});
