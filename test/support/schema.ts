import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { repository } from './cli.js';

const ajv = new Ajv2020({ allErrors: true, strict: false });

/**
 * What keeps a JSON document from being valid against a committed schema; empty where it is valid.
 * @param name file under docs/schemas/ without `.json`
 */
export function schemaErrors(name: string, document: unknown): ErrorObject[] {
  const schema = JSON.parse(readFileSync(`${repository}docs/schemas/${name}.json`, 'utf8'));
  return ajv.validate(schema, document) ? [] : (ajv.errors ?? []);
}

/** The same for the data of a command that succeeded. */
export function documentErrors(command: string, data: unknown): ErrorObject[] {
  const document = { schemaVersion: 1, command, ok: true, data, warnings: [] };
  return schemaErrors(command.replaceAll(' ', '-'), document);
}
