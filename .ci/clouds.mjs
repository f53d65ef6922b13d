// clouds.mjs CLOUD...: leaves in ./package.json the SDKs of these clouds (aws, gcp, azure) and nothing else, with the versions
// that are there; `npm prune` then removes the other packages. Runs on any Node, and imports nothing of ours.
import { readFileSync, writeFileSync } from 'node:fs';

const SCOPES = { aws: '@aws-sdk/', gcp: '@google-cloud/', azure: '@azure/' };
const clouds = process.argv.slice(2);
for (const cloud of clouds) {
  if (SCOPES[cloud] !== undefined) continue;
  process.stderr.write(`clouds.mjs: ${cloud} is no cloud; give some of ${Object.keys(SCOPES).join(', ')}\n`);
  process.exit(64);
}
for (const [file, packageOf] of [
  ['package.json', (content) => content],
  ['package-lock.json', ({ packages }) => packages['']],
]) {
  const content = JSON.parse(readFileSync(file, 'utf8'));
  const own = packageOf(content);
  const wanted = Object.entries(own.optionalDependencies).filter(([name]) =>
    clouds.some((cloud) => name.startsWith(SCOPES[cloud])),
  );
  delete own.devDependencies;
  delete own.dependencies;
  own.optionalDependencies = Object.fromEntries(wanted);
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
