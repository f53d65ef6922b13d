import type { Test } from 'tap';

const CHAIN = /^AWS_|^HOME$/;

/** The environment of the SDK for one test: nothing but this, and no home and no metadata service of the machine. */
export function sdkEnvironment(t: Test, variables: Record<string, string>): string {
  const before = Object.entries(process.env).filter(([name]) => CHAIN.test(name));
  const clear = () => {
    for (const name of Object.keys(process.env)) if (CHAIN.test(name)) delete process.env[name];
  };
  clear();
  const home = t.testdir({});
  Object.assign(process.env, { HOME: home, AWS_EC2_METADATA_DISABLED: 'true', ...variables });
  t.teardown(() => {
    clear();
    Object.assign(process.env, Object.fromEntries(before));
  });
  return home;
}
