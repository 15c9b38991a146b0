import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { id, line, locationCode, someOf, timestamp } from '../../fields.js';
import { versionedResource } from '../versioned-resource.js';

const fields = { code: locationCode, name: line(100) };

const Location = z
  .object({ id, ...fields, version: z.int(), created_at: timestamp, updated_at: timestamp })
  .meta({ id: 'Location' });
const NewLocation = z
  .strictObject(fields)
  .meta({ id: 'NewLocation', examples: [{ code: 'attic', name: 'Attic' }] });
const LocationPatch = someOf(fields).meta({ id: 'LocationPatch' });

/** Where stock is. */
const locations: FastifyPluginAsync = async (app) => {
  versionedResource(app, {
    name: 'locations',
    one: 'a location',
    table: app.repositories.locations,
    sort: 'code',
    schemas: { id: 'Location', shown: Location, created: NewLocation, changed: LocationPatch },
  });
};

export default locations;
