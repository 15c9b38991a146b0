import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/program.js';
import { dataSchemas } from '../../../src/output/schemas.js';
import { repository } from '../../support/cli.js';
import { schemaErrors } from '../../support/schema.js';

describe('the committed schemas', () => {
  it('are those that `npm run schemas` writes', async () => {
    const { schemaDocuments } = await import(`${repository}scripts/schema-documents.mjs`);
    const documents: Record<string, unknown> = schemaDocuments();
    const folder = `${repository}docs/schemas/`;
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(documents)
        .map((name) => `${name}.json`)
        .sort(),
    );
    for (const [name, document] of Object.entries(documents)) {
      expect(JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8')), name).toEqual(
        JSON.parse(JSON.stringify(document)),
      );
    }
  });

  it('cover every command that has a JSON document of its own', () => {
    const streaming = ['logs', 'exec', 'run', 'compose'];
    const covered = new Set(Object.keys(dataSchemas).map((name) => name.split(' ')[0]));
    expect(
      COMMANDS.map(({ name }) => name).filter((name) => !covered.has(name) && !streaming.includes(name)),
    ).toEqual([]);
  });

  it('refuse what is not of their shape', () => {
    const document = { schemaVersion: 1, command: 'ps', ok: true, warnings: [] };
    const data = { engine: 'docker', project: 'shop', services: [] };
    expect(schemaErrors('ps', { ...document, data })).toEqual([]);
    expect(schemaErrors('ps', { ...document, data: { ...data, engine: 'podman' } })).not.toEqual([]);
    expect(schemaErrors('ps', { ...document, data: { ...data, services: [{ name: 'db' }] } })).not.toEqual(
      [],
    );
    expect(schemaErrors('ps', document)).not.toEqual([]);
  });
});
