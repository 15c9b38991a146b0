#!/usr/bin/env node
// Writes docs/schemas/*.json from src/output/schemas.ts (built). A test fails where the two differ.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { schemaDocuments } from './schema-documents.mjs';

const folder = fileURLToPath(new URL('../docs/schemas/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, document] of Object.entries(schemaDocuments())) {
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(document, null, 2)}\n`);
}
