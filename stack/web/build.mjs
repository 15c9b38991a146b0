// Builds the page: its types are checked against the API's document (dist/openapi.json), and it is bundled into the
// API's dist/. What was built of the same files before is left as it is.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));
const DOCUMENT = 'dist/openapi.json';
const NOTES = 'dist/built.json';
const BUNDLE = '../dist/web/index.html';

const digest = (files) => {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file));
  return hash.digest('hex');
};
const run = (script) => {
  const { status } = spawnSync('npm', ['run', '--silent', script], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
};

const sources = readdirSync('.', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath}/${entry.name}`)
  .filter((file) => !/^(\.\/)?(dist|node_modules)\//.test(file))
  .sort();
const installed = '../package-lock.json';
const bundled = digest([...sources, installed]);
const checked = digest([...sources, installed, DOCUMENT]);
const before = existsSync(NOTES) ? JSON.parse(readFileSync(NOTES, 'utf8')) : {};

rmSync(NOTES, { force: true });
if (before.checked !== checked) run('check');
if (before.bundled !== bundled || !existsSync(BUNDLE)) run('bundle');
writeFileSync(NOTES, JSON.stringify({ checked, bundled }));
