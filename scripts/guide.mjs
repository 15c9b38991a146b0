#!/usr/bin/env node
// Writes docs/guide/*.md from the doctor's checks (built). A test fails where the two differ.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { guidePages } from '../dist/doctor/guide.js';
import { CHECKS } from '../dist/doctor/registry.js';

const folder = fileURLToPath(new URL('../docs/guide/', import.meta.url));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [name, text] of guidePages(CHECKS)) writeFileSync(`${folder}${name}`, text);
