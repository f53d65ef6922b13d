/** The oldest Node that the program runs on, as in `engines` of package.json. */
const OLDEST = [22, 19] as const;

/** What to tell whoever runs it on an older one; undefined where it will do. An old Node fails later, and says nothing that helps. */
export function tooOldNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  const oldest = OLDEST.join('.');
  return `keystead: Node ${version} is too old; use ${oldest} or newer: in a clone, node_modules/.bin/node (not-supported)`;
}
