import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { id, line, someOf, supplierName, timestamp } from '../../fields.js';
import { versionedResource } from '../versioned-resource.js';

// Without lookarounds, which other languages do not read.
const EMAIL =
  /^([A-Za-z0-9_'+-]+\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$/;

const fields = {
  name: supplierName,
  email: z.email({ pattern: EMAIL }).max(254).nullable(),
  phone: line(40).nullable(),
};

const Supplier = z
  .object({ id, ...fields, version: z.int(), created_at: timestamp, updated_at: timestamp })
  .meta({ id: 'Supplier' });
const NewSupplier = z
  .strictObject({ ...fields, email: fields.email.default(null), phone: fields.phone.default(null) })
  .meta({ id: 'NewSupplier', examples: [{ name: 'Acme Ltd', email: 'orders@example.com' }] });
const SupplierPatch = someOf(fields).meta({ id: 'SupplierPatch' });

/** Whom items come from. */
const suppliers: FastifyPluginAsync = async (app) => {
  versionedResource(app, {
    name: 'suppliers',
    one: 'a supplier',
    table: app.repositories.suppliers,
    sort: 'name',
    schemas: { id: 'Supplier', shown: Supplier, created: NewSupplier, changed: SupplierPatch },
  });
};

export default suppliers;
