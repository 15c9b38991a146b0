#!/usr/bin/env node
// Writes docs/example/ARCHITECTURE.md: what `invctl docs` writes for a new scaffold (built). A test fails where the two differ.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const file = 'docs/example/ARCHITECTURE.md';
const folder = mkdtempSync(join(tmpdir(), 'invctl-example-'));
const invctl = (...args) =>
  execFileSync(process.execPath, [`${repository}bin/invctl.js`, '-C', folder, ...args], { stdio: 'ignore' });
try {
  invctl('init', '.', '--yes', '--name', 'shop');
  invctl('docs', '-o', file);
  mkdirSync(`${repository}docs/example`, { recursive: true });
  copyFileSync(join(folder, file), `${repository}${file}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
