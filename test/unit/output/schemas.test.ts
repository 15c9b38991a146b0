import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allCommands } from '../../../src/cli/commands.js';
import { schemaDocuments } from '../../../src/cli/schema-documents.js';
import { repository } from '../../support/cli.js';
import { schemaErrors } from '../../support/schema.js';

describe('the committed schemas', { timeout: 120_000 }, () => {
  it('are those that `npm run schemas` writes', async () => {
    const documents = await schemaDocuments();
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

  it('cover every command that does not stream what another program prints', async () => {
    const commands = [...(await allCommands())];
    expect(commands.filter(([, { data }]) => !data).map(([name]) => name)).toEqual([
      'watch',
      'logs',
      'exec',
      'shell',
      'run',
      'compose',
      'db psql',
    ]);
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
