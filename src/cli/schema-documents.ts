import { z } from 'zod';
import { manifestSchema } from '../backup/manifest.js';
import { logLine } from '../commands/logs.js';
import { errorSchema, successSchema } from '../output/document.js';
import { allCommands } from './commands.js';

/** Every committed JSON schema, by its file name without `.json`. The one of `volume ls` is `volume-ls`. */
export async function schemaDocuments(): Promise<Record<string, unknown>> {
  const toJson = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' });
  const documents = [...(await allCommands())].flatMap(([name, { data }]) =>
    data ? [[name.replaceAll(' ', '-'), toJson(successSchema(name, data))] as const] : [],
  );
  return {
    ...Object.fromEntries(documents),
    'backup-manifest': toJson(manifestSchema),
    error: toJson(errorSchema),
    'logs-line': toJson(logLine(z)),
  };
}
