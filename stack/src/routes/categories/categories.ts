import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { categoryName, id, someOf, timestamp } from '../../fields.js';
import { versionedResource } from '../versioned-resource.js';

const fields = { name: categoryName };

const Category = z
  .object({ id, ...fields, version: z.int(), created_at: timestamp, updated_at: timestamp })
  .meta({ id: 'Category' });
const NewCategory = z.strictObject(fields).meta({ id: 'NewCategory', examples: [{ name: 'Kitchen' }] });
const CategoryPatch = someOf(fields).meta({ id: 'CategoryPatch' });

/** What items are grouped by. */
const categories: FastifyPluginAsync = async (app) => {
  versionedResource(app, {
    name: 'categories',
    one: 'a category',
    table: app.repositories.categories,
    sort: 'name',
    schemas: { id: 'Category', shown: Category, created: NewCategory, changed: CategoryPatch },
  });
};

export default categories;
