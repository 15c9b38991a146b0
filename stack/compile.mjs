// Compiles the API into dist/, and checks its types beside that:
//
//   node compile.mjs NOTES      NOTES: a folder for what the compiler notes of a check
//
// With the notes of the last check, the compiler looks again only at what an edit reaches. It goes by the declarations of
// each module for that, so these are made as well, although nobody reads them.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const [, , notes = 'node_modules/.cache/types'] = process.argv;
const TSC = join('node_modules', 'typescript', 'bin', 'tsc');
/** What only a declaration can have against a module: a type that has no name there. The module itself is fine. */
const OF_DECLARATIONS = /error TS(2742|2883|4\d{3}|90\d{2}): /;

function tsc(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [TSC, '--pretty', 'false', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('close', (status) => resolve({ status, output }));
  });
}

const [emitted, checked] = await Promise.all([
  tsc('--noCheck'),
  tsc(
    '--incremental',
    ...['--tsBuildInfoFile', join(notes, 'inventory-api.tsbuildinfo')],
    ...['--declaration', '--emitDeclarationOnly', '--outDir', join(notes, 'types')],
  ),
]);
const errors = checked.output.split('\n').filter((line) => line.includes('error TS'));
const passes =
  checked.status === 0 || (errors.length > 0 && errors.every((line) => OF_DECLARATIONS.test(line)));
if (!passes) process.stdout.write(checked.output);
if (emitted.status !== 0) process.stdout.write(emitted.output);
process.exitCode = passes && emitted.status === 0 ? 0 : 1;
