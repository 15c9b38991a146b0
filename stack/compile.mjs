// Builds the API: checks its types, and writes its programs into dist/ beside that, with the packages that they use.
//
//   node compile.mjs NOTES      NOTES: a folder for what the compiler notes of a check
//
// With the notes of the last check, the compiler looks again only at what an edit reaches. It goes by the declarations of
// each module for that, so these are made as well, although nobody reads them.
//
// A program that loads its packages from 500 files starts in twice the time that it takes from one. Two of them stay in
// node_modules: argon2 is a library of machine code, and the pages of the documentation are files of their package.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const [, , notes = 'node_modules/.cache/types'] = process.argv;
const TSC = join('node_modules', 'typescript', 'bin', 'tsc');
/** What only a declaration can have against a module: a type that has no name there. The module itself is fine. */
const OF_DECLARATIONS = /error TS(2742|2883|4\d{3}|90\d{2}): /;
const PROGRAMS = ['admin-password', 'healthcheck', 'main', 'openapi', 'replay/main', 'settings/print'];
const PACKAGES = 'packages';
const BY_FOLDER = /^(@node-rs\/argon2|@fastify\/swagger-ui|@fastify\/static)$/;
/** Pg looks for its other client, which is not installed. */
const ABSENT = 'pg-native';

/** Where an error of ours comes from is worth a map; of packages it is the name of the function that counts. */
const mapsOfOurs = {
  name: 'maps-of-ours',
  generateBundle(_options, bundle) {
    const packages = bundle[`${PACKAGES}.js`];
    packages.code = packages.code.replace(/\n\/\/# sourceMappingURL=.*$/, '');
    delete bundle[`${PACKAGES}.js.map`];
  },
};

async function bundle() {
  // The compiler, which takes longer, is at work while this is loaded.
  const { rolldown } = await import('rolldown');
  const made = await rolldown({
    input: Object.fromEntries(PROGRAMS.map((name) => [name, join('src', `${name}.ts`)])),
    platform: 'node',
    external: [BY_FOLDER, ABSENT],
    plugins: [mapsOfOurs],
  });
  try {
    await made.write({
      dir: 'dist',
      format: 'esm',
      sourcemap: true,
      entryFileNames: '[name].js',
      chunkFileNames: '[name].js',
      codeSplitting: { groups: [{ name: PACKAGES, test: /node_modules/ }] },
    });
  } finally {
    await made.close();
  }
}

function check() {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [
        ...[TSC, '--pretty', 'false'],
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
