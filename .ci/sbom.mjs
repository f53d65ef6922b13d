// sbom.mjs LICENSES LOCK <ALL >PART: of the bill of materials that `npm sbom` makes of everything, what an image really holds: the
// packages in the bundle, as its file THIRD-PARTY-LICENSES lists them, and those of the lock file that was installed.
import { existsSync, readFileSync } from 'node:fs';

const [licences, lock] = process.argv.slice(2);
const bill = JSON.parse(readFileSync(0, 'utf8'));
const bundled = [...readFileSync(licences, 'utf8').matchAll(/^(\S+) (\d\S*) \(.*\)$/gm)].map(
  ([, name, version]) => `${name}@${version}`,
);
const installed = existsSync(lock)
  ? Object.entries(JSON.parse(readFileSync(lock, 'utf8')).packages).map(
      ([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`,
    )
  : [];
const held = new Set([...bundled, ...installed]);
const known = new Set(bill.components.map(({ name, version }) => `${name}@${version}`));
const missing = [...held].filter((one) => !known.has(one));
if (missing.length > 0) {
  process.stderr.write(`sbom.mjs: not in the lock file: ${missing.join(', ')}\n`);
  process.exit(70);
}
const components = bill.components
  .filter(({ name, version }) => held.has(`${name}@${version}`))
  // In the image they are no development dependencies, whatever the lock file calls them.
  .map(({ properties: _properties, ...component }) => ({ ...component, scope: 'required' }));
const own = bill.metadata.component;
const refs = new Set([own['bom-ref'], ...components.map((component) => component['bom-ref'])]);
const dependencies = (bill.dependencies ?? [])
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
const metadata = { ...bill.metadata, component: { ...own, type: 'application', name: 'keystead' } };
process.stdout.write(`${JSON.stringify({ ...bill, metadata, components, dependencies }, null, 2)}\n`);
