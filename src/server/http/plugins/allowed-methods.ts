import type { Route } from '../route.ts';

/**
 * Tells which methods a path has that was asked with another one: the value of `Allow` (RFC 9110, section 10.2.1), or
 * undefined when there is no such path.
 */
export function allowedMethods(routes: readonly Route[]): (url: string) => string | undefined {
  const patterns = routes.map(({ method, url }) => ({
    methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
    segments: url.split('/'),
  }));
  return (url) => {
    const segments = url.replace(/[?#].*$/s, '').split('/');
    const methods = patterns.filter((pattern) => matches(pattern.segments, segments)).flatMap((found) => found.methods);
    return methods.length === 0 ? undefined : [...new Set(methods)].join(', ');
  };
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.length === segments.length && pattern.every((part, n) => part === segments[n] || part.startsWith(':'));
}
