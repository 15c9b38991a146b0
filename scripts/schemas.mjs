#!/usr/bin/env node
// Writes docs/schemas/*.json from the shapes beside the commands. A test fails where the two differ.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSource } from './load-source.mjs';

const { schemaDocuments } = await loadSource('src/cli/schema-documents.ts');

const folder = fileURLToPath(new URL('../docs/schemas/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, document] of Object.entries(await schemaDocuments())) {
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(document, null, 2)}\n`);
}
