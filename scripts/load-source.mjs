import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'node_modules/.cache/invctl');

/** Imports a TypeScript module of src/, which no part of the package exports. */
export async function loadSource(path) {
  const file = join(folder, path.replace(/\.ts$/, '.mjs'));
  await build({
    cwd: root,
    input: path,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    output: { file, format: 'esm', codeSplitting: false },
    logLevel: 'warn',
  });
  return import(pathToFileURL(file).href);
}
