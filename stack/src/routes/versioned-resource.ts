import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { ZodTypes } from '../plugins/app/validation.js';
import type { Fields, VersionedTable } from '../repositories/versioned-table.js';
import { decodeCursor } from './cursor.js';
import { etag, hasVersion, matchedVersions } from './etag.js';
import { sendPage } from './page.js';
import { Empty, IdParams, IfMatchHeader, IfNoneMatchHeader, PageQuery, Problem, page } from './schemas.js';

export interface VersionedResource {
  /** Path and tag: `categories`. */
  readonly name: string;
  /** For the summaries: `a category`. */
  readonly one: string;
  readonly table: VersionedTable;
  /** The column that lists are sorted by, which no two have the same in. */
  readonly sort: string;
  readonly schemas: {
    /** Its name in the OpenAPI document: `Category`. */
    readonly id: string;
    readonly shown: z.ZodType;
    readonly created: z.ZodType<Fields>;
    readonly changed: z.ZodType<Fields>;
  };
}

/** The five operations of a resource that is no more than its table: list, add, read, change, remove. */
export function versionedResource(instance: FastifyInstance, resource: VersionedResource): void {
  const app = instance.withTypeProvider<ZodTypes>();
  const { name, one, table, sort, schemas } = resource;
  const tags = [name];
  const plural = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

  app.get(
    `/${name}`,
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: `list${plural}`,
        summary: `List ${name}`,
        querystring: PageQuery,
        response: { 200: page(schemas.id, schemas.shown) },
      },
    },
    async ({ query: { limit, cursor } }, reply) => {
      const after = decodeCursor(cursor, sort);
      return sendPage(
        reply,
        await table.list({
          column: sort,
          unique: true,
          quick: true,
          descending: false,
          limit,
          after,
          conditions: [],
        }),
        sort,
      );
    },
  );

  app.post(
    `/${name}`,
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: `create${schemas.id}`,
        summary: `Add ${one}`,
        body: schemas.created,
        response: { 201: schemas.shown, 409: Problem },
        responseHeaders: { 201: ['etag', 'location'] },
      },
    },
    async (request, reply) => {
      const { id, version, json } = await table.create(request.body, request.actor);
      return reply
        .code(201)
        .header('location', `/api/v1/${name}/${id}`)
        .header('etag', etag(version))
        .json(json);
    },
  );

  app.get(
    `/${name}/:id`,
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: `get${schemas.id}`,
        summary: `Read ${one}`,
        params: IdParams,
        headers: IfNoneMatchHeader,
        response: { 200: schemas.shown, 304: Empty, 404: Problem },
        responseHeaders: { 200: ['etag'], 304: ['etag'] },
      },
    },
    async ({ params, headers }, reply) => {
      const { version, json } = await table.find(params.id);
      reply.header('etag', etag(version));
      return hasVersion(headers['if-none-match'], version) ? reply.code(304).send() : reply.json(json);
    },
  );

  app.patch(
    `/${name}/:id`,
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: `update${schemas.id}`,
        summary: `Change ${one}`,
        description: 'Fields that are not named stay as they are.',
        params: IdParams,
        headers: IfMatchHeader,
        body: schemas.changed,
        response: { 200: schemas.shown, 404: Problem, 409: Problem, 412: Problem, 428: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const versions = matchedVersions(request.headers['if-match']);
      const { version, json } = await table.update(request.params.id, versions, request.body, request.actor);
      return reply.header('etag', etag(version)).json(json);
    },
  );

  app.delete(
    `/${name}/:id`,
    {
      config: { role: 'manager' },
      schema: {
        tags,
        operationId: `delete${schemas.id}`,
        summary: `Remove ${one}`,
        description: 'Refused while anything refers to it.',
        params: IdParams,
        headers: IfMatchHeader,
        response: { 204: Empty, 404: Problem, 409: Problem, 412: Problem, 428: Problem },
      },
    },
    async (request, reply) => {
      const versions = matchedVersions(request.headers['if-match']);
      await table.remove(request.params.id, versions, request.actor);
      return reply.code(204).send();
    },
  );
}
