import type { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { z } from 'zod';
import { id, timestamp } from '../../fields.js';
import { COLUMN_NAMES, type Column } from '../../importer/columns.js';
import { IMPORT_MODES } from '../../importer/importer.js';
import type { HeaderMapping } from '../../importer/layout.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { ERRORS_SHOWN, invalid, Problem as Refusal } from '../../problem.js';
import { decodeCursor } from '../cursor.js';
import { sendPage } from '../page.js';
import { IdParams, PageQuery, Problem, page } from '../schemas.js';

const tags = ['imports'];

const Import = z
  .object({
    id,
    source: z.enum(['startup', 'upload']),
    mode: z.enum(IMPORT_MODES),
    status: z.enum(['applied', 'checked', 'rejected']),
    sha256: z.string(),
    bytes: z.int(),
    encoding: z.string().nullable().meta({ description: 'As the file was read.' }),
    layout: z.string().nullable().meta({ description: 'plain, or the shop whose export it is.' }),
    ignored_columns: z.array(z.string()).meta({ description: 'Columns of the file that were not taken.' }),
    rows: z.int(),
    skipped: z.int().meta({ description: 'Rows of a shop’s export that are no items.' }),
    created: z.int(),
    updated: z.int(),
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

const CsvFile = z.any().meta({
  description:
    'CSV with a header: UTF-8, UTF-16 or Windows-1252, cells separated by comma, semicolon, tab or bar. Columns: ' +
    'sku, name, and any of unit, unit_price, quantity, reorder_point, category, supplier, barcode, location; usual ' +
    'other names for them; or a product export of Shopify, WooCommerce or Medusa as it is. quantity is opening ' +
    'stock, for an item that was never at the location (in a file without that column: never anywhere). What it ' +
    'says of other items is not taken, but counted in quantity_ignored.',
  examples: ['sku,name,unit_price,quantity\nTEAPOT-1,Blue teapot,12.50,10\n'],
});

const ImportQuery = z.strictObject({
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

const Mapping = z.record(z.string(), z.enum(COLUMN_NAMES as [Column, ...Column[]]).nullable());

/** @throws {Problem} 422 for what is no such object. */
function mappingOf({ columns, other_columns: others }: z.output<typeof ImportQuery>): HeaderMapping {
  if (columns === undefined) return { columns: new Map(), others };
  try {
    return { columns: new Map(Object.entries(Mapping.parse(JSON.parse(columns)))), others };
  } catch {
    const message = `is no JSON object whose values are null or one of ${COLUMN_NAMES.join(', ')}`;
    throw invalid([{ pointer: '/query/columns', code: 'mapping', message }]);
  }
}

const SORT = '-id';

/** Items from a file. */
const imports: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { importer, metrics, spool } = app;
  const { imports } = app.repositories;

  /** Sends CSV that the database writes into the spool: it does not wait for who reads it. */
  async function sendFile(
    reply: FastifyReply,
    name: string,
    write: (take: (rows: Readable) => Promise<void>) => Promise<void>,
  ): Promise<FastifyReply> {
    const file = await spool.create();
    try {
      await write((rows) => file.store(rows));
    } catch (error) {
      await file.close();
      throw error;
    }
    const content = file.read();
    content.once('close', () => void file.close());
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="${name}"`)
      .send(content);
  }

  // Only here: the file is read as it arrives, and the importer limits it.
  app.addContentTypeParser('text/csv', (_request, file, done) => done(null, file));

  app.post(
    '/imports',
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: 'importItems',
        summary: 'Import items from a CSV file',
        description:
          'atomic takes all rows or, if any is flawed, none. partial leaves out flawed rows. dry-run only looks.',
        querystring: ImportQuery,
        body: { content: { 'text/csv': { schema: CsvFile } } },
        response: { 200: Import, 201: Import },
        responseHeaders: { 200: ['location'], 201: ['location'] },
      },
    },
    async (request, reply) => {
      const { mode } = request.query;
      if (request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== 'text/csv') {
        throw new Refusal(415, 'unsupported_media_type', 'Send the file as text/csv.');
      }
      const outcome = await importer.upload(
        request.body as Readable,
        mode,
        request.actor,
        mappingOf(request.query),
      );
      metrics.imports.inc({ status: outcome.status });
      const record = await imports.find(outcome.id);
      if (outcome.status === 'rejected') {
        const flaws = await imports.flaws(outcome.id, ERRORS_SHOWN);
        throw new Refusal(
          422,
          'import_rejected',
          `${outcome.errors} flaws in the file; nothing was changed.`,
          {
            errors: flaws.map(({ row_number, column_name, code, message }) => ({
              pointer: `/rows/${row_number}${column_name === null ? '' : `/${column_name}`}`,
              code,
              message,
            })),
            extensions: {
              ...(outcome.errors > flaws.length && { errors_omitted: outcome.errors - flaws.length }),
              import: JSON.parse(record),
              errors_csv: `/api/v1/imports/${outcome.id}/errors.csv`,
            },
          },
        );
      }
      return reply
        .code(outcome.status === 'applied' ? 201 : 200)
        .header('location', `/api/v1/imports/${outcome.id}`)
        .json(record);
    },
  );

  app.get(
    '/imports',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'listImports',
        summary: 'List imports, the newest first',
        querystring: PageQuery,
        response: { 200: page('Import', Import) },
      },
    },
    async ({ query: { limit, cursor } }, reply) =>
      sendPage(reply, await imports.list(limit, decodeCursor(cursor, SORT)), SORT),
  );

  app.get(
    '/imports/:id',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'getImport',
        summary: 'Read an import',
        params: IdParams,
        response: { 200: Import, 404: Problem },
      },
    },
    async (request, reply) => reply.json(await imports.find(request.params.id)),
  );

  app.get(
    '/imports/:id/errors.csv',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'downloadImportErrors',
        summary: 'Download the errors and warnings of an import',
        description: 'A cell that a spreadsheet would take for a formula has an apostrophe before it.',
        params: IdParams,
        produces: ['text/csv'],
        responseHeaders: { 200: ['content-disposition'] },
        response: { 404: Problem },
      },
    },
    async (request, reply) => {
      await imports.find(request.params.id);
      return sendFile(reply, 'import-errors.csv', (take) => imports.flawsAsCsv(request.params.id, take));
    },
  );

  app.get(
    '/items/export.csv',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['items'],
        operationId: 'exportItems',
        summary: 'Download all items that are not archived',
        description:
          'An import takes the file, and finds nothing changed. quantity is the sum over all locations. A cell that a spreadsheet would take for a formula has an apostrophe before it, which an import takes off.',
        produces: ['text/csv'],
        responseHeaders: { 200: ['content-disposition'] },
      },
    },
    async (_request, reply) =>
      sendFile(reply, 'items.csv', (take) => app.repositories.reports.itemsAsCsv(take)),
  );
};

export default imports;
