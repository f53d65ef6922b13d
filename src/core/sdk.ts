import { KeysteadError } from './errors.ts';

/**
 * Loads a cloud's SDK, an optional dependency. Throws `sdk-not-installed` with the line that installs it; an SDK that
 * is there and fails to load is another matter and throws what it throws.
 *
 * @param load `() => import('PACKAGE')`, so that nobody loads it who does not ask.
 */
export async function loadSdk<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new KeysteadError('sdk-not-installed', `${name} is not installed; run: npm install ${name}`, {
      cause: error,
    });
  }
}

function isMissing(error: unknown, name: string): boolean {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return missing && error.message.includes(`'${name}'`);
}
