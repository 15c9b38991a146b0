#!/usr/bin/env node
// Writes docs/schemas/*.json from the shapes beside the commands (built). A test fails where the two differ.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { schemaDocuments } from '../dist/cli/schema-documents.js';

const folder = fileURLToPath(new URL('../docs/schemas/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, document] of Object.entries(await schemaDocuments())) {
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(document, null, 2)}\n`);
}
