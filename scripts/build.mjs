#!/usr/bin/env node
// Makes dist/: one entry and a chunk for what each command imports when it is typed, the packages that every command
// may need bundled in. Files that a build no longer makes are removed last, so that a CLI that runs meanwhile finds
// its own.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outdir: 'dist',
  outbase: 'src',
  // Two folders below the package, as the sources are: what they read beside themselves is found from both.
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // The same as modules: what is imported late from CommonJS would have its default only.
  alias: { yaml: './node_modules/yaml/browser/index.js' },
  external: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).filter(
    (name) => name !== 'yaml',
  ),
  // Packages in CommonJS ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire as $create } from 'node:module'; const require = $create(import.meta.url);",
  },
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  plugins: [{ name: 'compose-spec', setup: withoutDescriptions }],
  metafile: true,
  write: false,
  logLevel: 'warning',
});

for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}
const licences = join(dist, 'LICENSES.txt');
writeFileSync(licences, licencesOf(Object.keys(metafile.inputs)));

const made = new Set([licences, ...outputFiles.map(({ path }) => path)]);
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isDirectory() && !made.has(path)) rmSync(path);
}

/** Two thirds of the Compose Specification's schema are descriptions, which no check reads. */
function withoutDescriptions({ onLoad }) {
  onLoad({ filter: /compose-spec\/schema\.json$/ }, ({ path }) => {
    const schema = JSON.parse(readFileSync(path, 'utf8'), (key, value) =>
      key === 'description' && typeof value === 'string' ? undefined : value,
    );
    return { contents: JSON.stringify(schema), loader: 'json' };
  });
}

/** The notices of what is bundled in that is not ours, which its licences ask for. */
function licencesOf(inputs) {
  const packages = inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  const notices = [...new Set(packages)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((one) => /^licen[cs]e/i.test(one));
    const text = file ? readFileSync(join(root, folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  const composeSpec = readFileSync(join(root, 'src/project/compose-spec/LICENSE'), 'utf8');
  notices.push(`The schema of the Compose Specification, its descriptions left out\n\n${composeSpec}`);
  return notices.join(`\n${'-'.repeat(80)}\n\n`);
}
