// Builds the API: checks its types, and writes its programs into dist/ beside that, with the packages that they use.
//
//   node compile.mjs NOTES      NOTES: a folder for what the compiler notes of a check
//
// With the notes of the last check, the compiler looks again only at what an edit reaches. It goes by the declarations of
// each module for that, so these are made as well, although nobody reads them.
//
// A program that loads its packages from 500 files starts in twice the time that it takes from one. Two of them stay in
// node_modules: argon2 is a library of machine code, and the pages of the documentation are files of their package.
//
// To bundle the packages takes five times as long as to bundle what is ours. They have a bundle of their own, which is
// kept with the notes until one of their files, or a name that is imported of them, is another.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';

const [, , notes = 'node_modules/.cache/types'] = process.argv;
const TSC = join('node_modules', 'typescript', 'bin', 'tsc');
/** The program that `bin/tsc` starts, which takes Node 50 ms. */
const COMPILER = join(
  'node_modules',
  '@typescript',
  `typescript-${process.platform}-${process.arch}`,
  'lib',
  'tsc',
);
/** What only a declaration can have against a module: a type that has no name there. The module itself is fine. */
const OF_DECLARATIONS = /error TS(2742|2883|4\d{3}|90\d{2}): /;
const PROGRAMS = ['admin-password', 'healthcheck', 'main', 'openapi', 'replay/main', 'settings/print'];
const PACKAGES = 'packages.js';
const BY_FOLDER = /^(@node-rs\/argon2|@fastify\/swagger-ui|@fastify\/static)$/;
/** Pg looks for its other client, which is not installed. */
const ABSENT = 'pg-native';

/** Where an error of ours comes from is worth a map; of packages it is the name of the function that counts. */
const mapsOfOurs = {
  name: 'maps-of-ours',
  generateBundle(_options, chunks) {
    if (!chunks[PACKAGES]) return;
    chunks[PACKAGES].code = chunks[PACKAGES].code.replace(/\n\/\/# sourceMappingURL=.*$/, '');
    delete chunks[`${PACKAGES}.map`];
  },
};

async function bundle() {
  // The compiler, which takes longer, is at work while these are loaded.
  const [{ rolldown }, { parseSync }] = await Promise.all([import('rolldown'), import('rolldown/utils')]);
  const imported = importedNames(parseSync);
  if (imported) await bundlePackages(rolldown, imported);
  await write(
    rolldown,
    {
      input: Object.fromEntries(PROGRAMS.map((name) => [name, join('src', `${name}.ts`)])),
      plugins: [imported ? fromPackages(imported) : mapsOfOurs],
    },
    { sourcemap: true, codeSplitting: { groups: [{ name: 'packages', test: /node_modules/ }] } },
  );
}

/** Writes a bundle into dist/, and returns its chunks. */
async function write(rolldown, input, output) {
  const made = await rolldown({ platform: 'node', external: [BY_FOLDER, ABSENT], ...input });
  try {
    const names = { entryFileNames: '[name].js', chunkFileNames: '[name].js' };
    return (await made.write({ dir: 'dist', format: 'esm', ...names, ...output })).output;
  } finally {
    await made.close();
  }
}

/**
 * Returns the names that the source imports of each package. Returns undefined if it imports a package in another way
 * than by names, such as `import *` or `import()`: packages and source are one bundle then.
 */
function importedNames(parseSync) {
  const imported = new Map();
  for (const file of readdirSync('src', { recursive: true }).filter((name) => /\.[cm]?ts$/.test(name))) {
    const source = readFileSync(join('src', file), 'utf8');
    for (const { from, importName, isType } of importsOf(parseSync(file, source).module, source)) {
      if (isType || /^[./]/.test(from) || isBuiltin(from) || BY_FOLDER.test(from)) continue;
      const name = importName?.kind === 'Default' ? 'default' : importName?.name;
      if (!name) return undefined;
      imported.set(from, (imported.get(from) ?? new Set()).add(name));
    }
  }
  return imported;
}

function importsOf({ staticImports, staticExports, dynamicImports }, source) {
  return [
    ...staticImports.flatMap(({ moduleRequest: { value: from }, entries }) =>
      entries.length === 0 ? [{ from }] : entries.map((entry) => ({ ...entry, from })),
    ),
    ...staticExports.flatMap(({ entries }) =>
      entries.flatMap((entry) =>
        entry.moduleRequest ? [{ ...entry, from: entry.moduleRequest.value }] : [],
      ),
    ),
    ...dynamicImports.map(({ moduleRequest: { start, end } }) => ({
      from: source.slice(start + 1, end - 1),
    })),
  ];
}

/** What the bundle of the packages calls a name of one of them. */
function nameInBundle(from, name) {
  return `${from} ${name}`.replace(/[^A-Za-z0-9]/g, (character) => `$${character.codePointAt(0)}_`);
}

/** Writes dist/packages.js: as it was kept, if it still holds. */
async function bundlePackages(rolldown, imported) {
  const entry = resolve('packages.mjs');
  const text = [...imported]
    .flatMap(([from, names]) =>
      [...names].map(
        (name) => `export { ${name} as ${nameInBundle(from, name)} } from ${JSON.stringify(from)};`,
      ),
    )
    .sort()
    .join('\n');
  const [made, kept, note] = [join('dist', PACKAGES), join(notes, PACKAGES), join(notes, 'packages.json')];
  const noted = await readFile(note, 'utf8')
    .then(JSON.parse)
    .catch(() => undefined);
  if (noted?.text === text && noted.files.every(([path, ...state]) => `${state}` === `${stateOf(path)}`)) {
    await mkdir('dist', { recursive: true });
    return copyFile(kept, made);
  }
  const chunks = await write(
    rolldown,
    {
      input: { packages: entry },
      plugins: [
        {
          name: 'names-of-packages',
          resolveId: (id) => (id === entry ? id : null),
          load: (id) => (id === entry ? text : null),
        },
      ],
    },
    { codeSplitting: false },
  );
  const paths = chunks
    .flatMap(({ moduleIds }) => moduleIds ?? [])
    .filter((id) => isAbsolute(id) && id !== entry);
  await rm(note, { force: true });
  await mkdir(notes, { recursive: true });
  await copyFile(made, kept);
  await writeFile(
    note,
    JSON.stringify({ text, files: [kept, ...paths].map((path) => [path, ...stateOf(path)]) }),
  );
}

/** What is another when a file was written: its size in bytes, and its time in milliseconds. */
function stateOf(path) {
  const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return [size, mtimeMs];
}

/** Takes what the source imports of a package from the bundle of them all. */
function fromPackages(imported) {
  // Of an external module, the bundler takes the place among the modules of the source.
  const bundle = resolve('src', PACKAGES);
  const OF_PACKAGE = '\0of-package:';
  return {
    name: 'from-packages',
    resolveId: (id) => {
      if (id === bundle) return { id, external: 'relative' };
      return imported.has(id) ? `${OF_PACKAGE}${id}` : null;
    },
    load: (id) => {
      if (!id.startsWith(OF_PACKAGE)) return null;
      const from = id.slice(OF_PACKAGE.length);
      const names = [...imported.get(from)].map((name) => `${nameInBundle(from, name)} as ${name}`);
      return `export { ${names.join(', ')} } from ${JSON.stringify(bundle)};`;
    },
  };
}

function check() {
  return new Promise((resolve) => {
    const [program, ...first] = existsSync(COMPILER) ? [COMPILER] : [process.execPath, TSC];
    const child = spawn(
      program,
      [
        ...[...first, '--pretty', 'false'],
        '--incremental',
        ...['--tsBuildInfoFile', join(notes, 'inventory-api.tsbuildinfo')],
        ...['--declaration', '--emitDeclarationOnly', '--outDir', join(notes, 'types')],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('close', (status) => resolve({ status, output }));
  });
}

const [checked, bundled] = await Promise.all([check(), bundle().catch((error) => ({ error }))]);
const errors = checked.output.split('\n').filter((line) => line.includes('error TS'));
const passes =
  checked.status === 0 || (errors.length > 0 && errors.every((line) => OF_DECLARATIONS.test(line)));
if (!passes) process.stdout.write(checked.output);
else if (bundled?.error) console.error(bundled.error.message);
process.exitCode = passes && !bundled?.error ? 0 : 1;
