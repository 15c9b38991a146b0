import type { Readable } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { ITEM_FILE } from '../../importer/columns.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { FLAW_DAYS, IMPORT_DAYS, IMPORTS_WITH_FLAWS } from '../../repositories/imports.js';
import { decodeCursor } from '../cursor.js';
import { FileQuery, sendFile } from '../file.js';
import { sendPage } from '../page.js';
import { IdParams, PageQuery, Problem, page } from '../schemas.js';
import {
  Import,
  mappingOf,
  refuseOtherTypes,
  STATUSES,
  sendOutcome,
  takesCsv,
  UploadQuery,
} from './uploads.js';

const tags = ['imports'];

const CsvFile = z.any().meta({
  type: 'string',
  description:
    'CSV with a header: UTF-8, UTF-16 or Windows-1252, cells separated by comma, semicolon, tab or bar. Columns: ' +
    'sku, name, and any of unit, decimals, unit_price, quantity, reorder_point, category, supplier, barcode, location; usual ' +
    'other names for them; or a product export of Shopify, WooCommerce or Medusa as it is. quantity is opening ' +
    'stock, for an item that was never at the location (in a file without that column: never anywhere). What it ' +
    'says of other items is not taken, but counted in quantity_ignored.',
  examples: ['sku,name,unit_price,quantity\nTEAPOT-1,Blue teapot,12.50,10\n'],
});

const ImportsQuery = PageQuery.extend({
  kind: z.enum(['items', 'counts']).optional(),
  status: z.enum(STATUSES).optional(),
});

const SORT = '-id';

/** Items from a file, and what became of each file. */
const imports: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { importer, metrics, spool } = app;
  const { imports } = app.repositories;

  takesCsv(app);

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
        querystring: UploadQuery,
        body: { content: { 'text/csv': { schema: CsvFile } } },
        response: { 200: Import, 201: Import },
        responseHeaders: { 200: ['location'], 201: ['location'] },
      },
    },
    async (request, reply) => {
      const { mode } = request.query;
      refuseOtherTypes(request);
      const outcome = await importer.upload(
        request.body as Readable,
        mode,
        request.actor,
        mappingOf(request.query, ITEM_FILE),
      );
      metrics.imports.inc({ status: outcome.status });
      return sendOutcome(reply, imports, outcome);
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
        description: `Uploads are on record for ${IMPORT_DAYS} days.`,
        querystring: ImportsQuery,
        response: { 200: page('Import', Import) },
      },
    },
    async ({ query: { limit, cursor, kind, status } }, reply) =>
      sendPage(reply, await imports.list(limit, decodeCursor(cursor, SORT), { kind, status }), SORT),
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
        description: `A cell that a spreadsheet would take for a formula has an apostrophe before it. They are kept for ${FLAW_DAYS} days, of the last ${IMPORTS_WITH_FLAWS} imports.`,
        params: IdParams,
        querystring: FileQuery,
        produces: ['text/csv'],
        responseHeaders: { 200: ['content-disposition'] },
        response: { 404: Problem },
      },
    },
    async (request, reply) => {
      await imports.find(request.params.id);
      return sendFile(reply, spool, 'import-errors.csv', request.query, (take) =>
        imports.flawsAsCsv(request.params.id, take),
      );
    },
  );
};

export default imports;
