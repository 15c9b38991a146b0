import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { id, timestamp } from '../../fields.js';
import type { Column, FileKind } from '../../importer/columns.js';
import { IMPORT_MODES } from '../../importer/importer.js';
import type { HeaderMapping } from '../../importer/layout.js';
import { ERRORS_SHOWN, invalid, Problem } from '../../problem.js';
import type { Imports } from '../../repositories/imports.js';

// What files of items and files of counts have in common.

export const STATUSES = ['applied', 'checked', 'rejected'] as const;

/** What became of a file. */
export const Import = z
  .object({
    id,
    kind: z.enum(['items', 'counts']),
    source: z.enum(['startup', 'upload']),
    mode: z.enum(IMPORT_MODES),
    status: z.enum(STATUSES),
    sha256: z.string(),
    bytes: z.int(),
    encoding: z.string().nullable().meta({ description: 'As the file was read.' }),
    layout: z.string().nullable().meta({ description: 'plain, or the shop whose export it is.' }),
    ignored_columns: z.array(z.string()).meta({ description: 'Columns of the file that were not taken.' }),
    rows: z.int(),
    skipped: z.int().meta({ description: 'Rows of a shop’s export that are no items.' }),
    created: z.int(),
    updated: z
      .int()
      .meta({ description: 'Items that were changed; of counts, levels that were not as counted.' }),
    unchanged: z.int(),
    stocked: z.int().meta({ description: 'Items that got their opening stock.' }),
    quantity_ignored: z.int().meta({
      description:
        'Rows whose quantity is not what is in stock: it was not taken. errors.csv has them as warnings.',
    }),
    errors: z.int(),
    actor_id: id.nullable(),
    started_at: timestamp,
    finished_at: timestamp,
  })
  .meta({ id: 'Import' });

export const UploadQuery = z.strictObject({
  mode: z.enum(IMPORT_MODES).default('atomic'),
  columns: z
    .string()
    .max(4000)
    .optional()
    .meta({
      description:
        'What columns of the file mean, as a JSON object of their names: {"Artikel": "name", "Nr": "sku", "Color": null}. null leaves one out.',
      examples: ['{"Artikel": "name"}'],
    }),
  other_columns: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .meta({ description: 'What is done with columns that nobody knows.' }),
});

/** @throws {Problem} 422 for what is no such object. */
export function mappingOf(
  { columns, other_columns: others }: Pick<z.output<typeof UploadQuery>, 'columns' | 'other_columns'>,
  { columns: names }: FileKind,
): HeaderMapping {
  if (columns === undefined) return { columns: new Map(), others };
  try {
    const mapping = z.record(z.string(), z.enum(names as [Column, ...Column[]]).nullable());
    return { columns: new Map(Object.entries(mapping.parse(JSON.parse(columns)))), others };
  } catch {
    const message = `is no JSON object whose values are null or one of ${names.join(', ')}`;
    throw invalid([{ pointer: '/query/columns', code: 'mapping', message }]);
  }
}

/** Has a plugin's routes take files: they are read as they arrive, and whoever reads them limits them. */
export function takesCsv(app: FastifyInstance): void {
  app.addContentTypeParser('text/csv', (_request, file, done) => done(null, file));
}

/** @throws {Problem} 415 for what is not sent as a file. */
export function refuseOtherTypes({ headers }: FastifyRequest): void {
  if (headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === 'text/csv') return;
  throw new Problem(415, 'unsupported_media_type', 'Send the file as text/csv.');
}

/** Sends what became of a file. @throws {Problem} 422 with the first flaws, for one that was rejected. */
export async function sendOutcome(
  reply: FastifyReply,
  imports: Imports,
  { id, status, errors }: { readonly id: number; readonly status: string; readonly errors: number },
): Promise<FastifyReply> {
  const record = await imports.find(id);
  if (status === 'rejected') {
    const flaws = await imports.flaws(id, ERRORS_SHOWN);
    throw new Problem(422, 'import_rejected', `${errors} flaws in the file; nothing was changed.`, {
      errors: flaws.map(({ row_number, column_name, code, message }) => ({
        pointer: `/rows/${row_number}${column_name === null ? '' : `/${column_name}`}`,
        code,
        message,
      })),
      extensions: {
        ...(errors > flaws.length && { errors_omitted: errors - flaws.length }),
        import: JSON.parse(record),
        errors_csv: `/api/v1/imports/${id}/errors.csv`,
      },
    });
  }
  return reply
    .code(status === 'applied' ? 201 : 200)
    .header('location', `/api/v1/imports/${id}`)
    .json(record);
}
