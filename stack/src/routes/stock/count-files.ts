import type { Readable } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { id, line } from '../../fields.js';
import { COUNT_FILE } from '../../importer/columns.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { invalid, Problem as Refusal } from '../../problem.js';
import { DEFAULT_LOCATION } from '../../repositories/locations.js';
import {
  Import,
  mappingOf,
  refuseOtherTypes,
  sendOutcome,
  takesCsv,
  UploadQuery,
} from '../imports/uploads.js';

const CountsFile = z.any().meta({
  type: 'string',
  description:
    'CSV as an import takes it, with the columns sku or barcode, counted, and location if you like. Columns of an ' +
    'export of items are left out; without a column counted, its quantity is what was counted.',
  examples: ['sku,location,counted\nTEAPOT-1,main,12\n'],
});

const CountsQuery = UploadQuery.extend({
  location_id: id
    .default(DEFAULT_LOCATION)
    .meta({ description: 'Where rows without a location were counted; without it: main.' }),
  reason: line(500).optional(),
  reference: line(200).optional().meta({ description: 'Without it: the import.' }),
});

/** Counts from a file: a stocktake. */
const countFiles: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  takesCsv(app);

  app.post(
    '/stock/counts',
    {
      config: { role: 'manager' },
      schema: {
        tags: ['stock'],
        operationId: 'importCounts',
        summary: 'Set stock to what was counted, from a CSV file',
        description:
          'atomic takes all rows or, if any is flawed, none. partial leaves out flawed rows. dry-run only looks: its ' +
          'errors.csv has what would change as warnings. Stock that the file does not name stays. What was right stays ' +
          'without a movement; all movements are one group.',
        querystring: CountsQuery,
        body: { content: { 'text/csv': { schema: CountsFile } } },
        response: { 200: Import, 201: Import },
        responseHeaders: { 200: ['location'], 201: ['location'] },
      },
    },
    async (request, reply) => {
      const { mode, location_id: locationId, reason, reference } = request.query;
      refuseOtherTypes(request);
      await app.repositories.locations.find(locationId).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
        throw invalid([{ pointer: '/query/location_id', code: 'unknown', message: 'is no location' }]);
      });
      const outcome = await app.countFiles.upload(request.body as Readable, {
        mode,
        by: request.actor,
        mapping: mappingOf(request.query, COUNT_FILE),
        locationId,
        reason,
        reference,
      });
      app.metrics.imports.inc({ status: outcome.status });
      app.metrics.movements.inc({ kind: 'count' }, outcome.moved);
      return sendOutcome(reply, app.repositories.imports, outcome);
    },
  );
};

export default countFiles;
