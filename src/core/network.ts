const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/** What one machine has: an IPv4 address, or 64 bits of an IPv6 one, whose every address one machine may take. */
export function networkOf(source: string): string {
  const address = source.replace(/%.*$/, '').toLowerCase();
  // Nearly always.
  if (!address.includes(':')) return address;
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
