import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tooOldNode } from '../../src/cli/node-version.ts';

t.test('a Node that is older than the package asks for is told so, and no other', async (t) => {
  for (const version of ['18.20.8', '20.20.2', '22.18.0']) {
    t.match(tooOldNode(version), `Node ${version} is too old; use 22.19 or newer`);
  }
  for (const version of ['22.19.0', '23.0.0', '24.21.0', process.versions.node])
    t.equal(tooOldNode(version), undefined);
  const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  t.equal(engines.node, '>=22.19');
});

t.test('what is loaded before that is asked names nothing that an older Node has not', async (t) => {
  // A name that a module does not export fails before any line of ours is run. Node 20 has all of these.
  const names = ['compile-cache.ts', 'hangups.ts', 'main.ts', 'node-version.ts', '../core/errors.ts'].flatMap(
    (file) => {
      const text = readFileSync(join(import.meta.dirname, '../../src/cli', file), 'utf8');
      return [...text.matchAll(/^import \{([^}]*)\} from 'node:/gm)].flatMap(([, list = '']) =>
        list.trim().split(/, */),
      );
    },
  );
  const known = ['dirname', 'homedir', 'isAbsolute', 'join', 'lstatSync', 'mkdirSync', 'realpathSync', 'relative'];
  t.same(names.sort(), known);
});
