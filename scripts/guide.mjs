#!/usr/bin/env node
// Writes docs/guide/*.md from the doctor's checks. A test fails where the two differ.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSource } from './load-source.mjs';

const { guidePages } = await loadSource('src/doctor/guide.ts');
const { CHECKS } = await loadSource('src/doctor/registry.ts');

const folder = fileURLToPath(new URL('../docs/guide/', import.meta.url));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [name, text] of guidePages(CHECKS)) writeFileSync(`${folder}${name}`, text);
