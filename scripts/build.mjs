#!/usr/bin/env node
// Makes dist/: one entry, one chunk of what nearly every command needs, and a chunk for what each command imports when
// it is typed, the packages that every command may need bundled in. Files that a build no longer makes are removed
// last, so that a CLI that runs meanwhile finds its own.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
const unbundled = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).filter(
  (name) => name !== 'yaml',
);
/** What Node asks of every file is about 1 ms of processor time: what these import is one file, not thirty. */
const CORE = /\/src\/(cli\/run|commands\/ps)\.ts$/;

const bundle = await rolldown({
  cwd: root,
  input: {
    'cli/main': 'src/cli/main.ts',
    // Programs beside a server that comes without them.
    'postgres/replication': 'src/postgres/replication/main.ts',
  },
  platform: 'node',
  transform: { target: 'node20.19' },
  external: (id) => unbundled.some((name) => id === name || id.startsWith(`${name}/`)),
  // The same as modules: what is imported late from CommonJS would have its default only.
  resolve: { alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') } },
  plugins: [{ name: 'compose-spec', transform: withoutDescriptions() }],
  onLog(level, log, handle) {
    // For the sources an import is late, whichever chunk the module comes to lie in.
    if (log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT') handle(level === 'warn' ? 'error' : level, log);
  },
});
const { output } = await bundle.generate({
  format: 'esm',
  entryFileNames: '[name].js',
  // Two folders below the package, as the sources are: what they read beside themselves is found from both.
  chunkFileNames: 'chunks/[name]-[hash].js',
  codeSplitting: { groups: [{ name: 'core', test: CORE }] },
  minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
  sourcemap: true,
  sourcemapExcludeSources: true,
  comments: { legal: false, annotation: false, jsdoc: false },
});
await bundle.close();

const files = new Map(output.map((made) => [join(dist, made.fileName), made.code ?? made.source]));
const modules = output.flatMap(({ moduleIds = [] }) => moduleIds);
files.set(join(dist, 'LICENSES.txt'), licencesOf(modules));
for (const [path, contents] of files) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isDirectory() && !files.has(path)) rmSync(path);
}

/** Two thirds of the Compose Specification's schema are descriptions, which no check reads. */
function withoutDescriptions() {
  return {
    filter: { id: /compose-spec\/schema\.json$/ },
    handler: (code) => {
      const schema = JSON.parse(code, (key, value) =>
        key === 'description' && typeof value === 'string' ? undefined : value,
      );
      return { code: JSON.stringify(schema), map: null };
    },
  };
}

/** The notices of what is bundled in that is not ours, which its licences ask for. */
function licencesOf(ids) {
  const packages = ids.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []);
  const notices = [...new Set(packages)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  const composeSpec = readFileSync(join(root, 'src/project/compose-spec/LICENSE'), 'utf8');
  notices.push(`The schema of the Compose Specification, its descriptions left out\n\n${composeSpec}`);
  return notices.join(`\n${'-'.repeat(80)}\n\n`);
}
