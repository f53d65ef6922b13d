import { createRequire } from 'node:module';

/** The version of this package: of the sources, of the built library and of the bundled binary alike. */
export function packageVersion(): string {
  // By the package's own name, since a bundle lies in another folder than the source.
  const { version } = createRequire(import.meta.url)('keystead/package.json') as { version: string };
  return version;
}
