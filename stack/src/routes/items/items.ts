import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { decodeCursor } from '../cursor.js';
import { etag, hasVersion, matchedVersions } from '../etag.js';
import { FileQuery, sendFile } from '../file.js';
import { sendPage } from '../page.js';
import { Empty, IdParams, IfMatchHeader, IfNoneMatchHeader, Problem } from '../schemas.js';
import { Item, ItemPage, ItemPatch, ItemQuery, ItemStock, NewItem } from './schemas.js';

const tags = ['items'];

/** What is kept in stock. */
const items: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { items } = app.repositories;

  app.get(
    '/items',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'listItems',
        summary: 'List or search items',
        querystring: ItemQuery,
        response: { 200: ItemPage },
      },
    },
    async (request, reply) => {
      const { sort, limit, cursor, search, sku, barcode, category_id, supplier_id, archived, stock, total } =
        request.query;
      const page = await items.search({
        sort,
        limit,
        after: decodeCursor(cursor, sort),
        search,
        sku,
        barcode,
        categoryId: category_id,
        supplierId: supplier_id,
        archived,
        stock,
        total,
      });
      return sendPage(reply, page, sort);
    },
  );

  app.get(
    '/items/export.csv',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'exportItems',
        summary: 'Download all items that are not archived',
        description:
          'An import takes the file, and finds nothing changed. quantity is the sum over all locations. A cell that a spreadsheet would take for a formula has an apostrophe before it, which an import takes off.',
        querystring: FileQuery,
        produces: ['text/csv'],
        responseHeaders: { 200: ['content-disposition'] },
      },
    },
    async (request, reply) =>
      sendFile(reply, app.spool, 'items.csv', request.query, (take) =>
        app.repositories.reports.itemsAsCsv(take),
      ),
  );

  app.post(
    '/items',
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: 'createItem',
        summary: 'Add an item',
        body: NewItem,
        response: { 201: Item, 409: Problem },
        responseHeaders: { 201: ['etag', 'location'] },
      },
    },
    async (request, reply) => {
      const item = await items.create(request.body, request.actor);
      reply.code(201).header('location', `/api/v1/items/${item.id}`).header('etag', etag(item.version));
      return reply.json(item.json);
    },
  );

  app.get(
    '/items/:id',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'getItem',
        summary: 'Read an item',
        params: IdParams,
        headers: IfNoneMatchHeader,
        response: { 200: Item, 304: Empty, 404: Problem },
        responseHeaders: { 200: ['etag'], 304: ['etag'] },
      },
    },
    async (request, reply) => {
      const item = await items.find(request.params.id);
      reply.header('etag', etag(item.version));
      if (hasVersion(request.headers['if-none-match'], item.version)) return reply.code(304).send();
      return reply.json(item.json);
    },
  );

  app.patch(
    '/items/:id',
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: 'updateItem',
        summary: 'Change an item',
        description: 'Fields that are not named stay as they are.',
        params: IdParams,
        headers: IfMatchHeader,
        body: ItemPatch,
        response: { 200: Item, 404: Problem, 409: Problem, 412: Problem, 428: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const versions = matchedVersions(request.headers['if-match']);
      const item = await items.revise(request.params.id, versions, request.body, request.actor);
      return reply.header('etag', etag(item.version)).json(item.json);
    },
  );

  app.delete(
    '/items/:id',
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: 'archiveItem',
        summary: 'Archive an item',
        description: 'Its history stays. Refused while there is stock of it.',
        params: IdParams,
        headers: IfMatchHeader,
        response: { 200: Item, 404: Problem, 409: Problem, 412: Problem, 428: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const versions = matchedVersions(request.headers['if-match']);
      const item = await items.archive(request.params.id, versions, request.actor);
      return reply.header('etag', etag(item.version)).json(item.json);
    },
  );

  app.get(
    '/items/:id/stock',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'getItemStock',
        summary: 'Read what is in stock of an item, and where',
        params: IdParams,
        response: { 200: ItemStock, 404: Problem },
      },
    },
    async (request, reply) => reply.json(await items.stock(request.params.id)),
  );
};

export default items;
