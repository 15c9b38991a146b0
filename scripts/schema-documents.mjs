import { z } from 'zod';
import { dataSchemas, errorSchema, logLineSchema, successSchema } from '../dist/output/schemas.js';
import { manifestSchema } from '../dist/services/database/manifest.js';

/** Every committed schema by its file's name without `.json`. `volume ls` lives in `volume-ls.json`. */
export function schemaDocuments() {
  const toJson = (schema) => z.toJSONSchema(schema, { io: 'input' });
  return {
    ...Object.fromEntries(
      Object.keys(dataSchemas).map((command) => [command.replace(' ', '-'), toJson(successSchema(command))]),
    ),
    'backup-manifest': toJson(manifestSchema),
    error: toJson(errorSchema),
    'logs-line': toJson(logLineSchema),
  };
}
