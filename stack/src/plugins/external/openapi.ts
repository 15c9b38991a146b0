import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifySchema, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import {
  fastifyZodOpenApiPlugin,
  fastifyZodOpenApiTransform,
  fastifyZodOpenApiTransformObject,
} from 'fastify-zod-openapi';
import { z } from 'zod';
import { VERSION } from '../../package.js';
import { codesOf } from '../../problem.js';
import { Empty, Problem } from '../../routes/schemas.js';
import { type ResponseHeader, responseHeaders } from './response-headers.js';

const TAGS = [
  { name: 'auth', description: 'Who asks.' },
  { name: 'users', description: 'Who may log in.' },
  { name: 'api keys', description: 'What programs authenticate with.' },
  { name: 'items', description: 'What is kept in stock.' },
  { name: 'categories', description: 'What items are grouped by.' },
  { name: 'suppliers', description: 'Whom items come from.' },
  { name: 'locations', description: 'Where stock is.' },
  { name: 'stock', description: 'Stock that comes, goes, moves and is counted.' },
  { name: 'movements', description: 'The ledger: every change of stock.' },
  { name: 'imports', description: 'Items from a file.' },
  { name: 'reports', description: 'Stock from a distance.' },
  { name: 'webhooks', description: 'Who is told of changes.' },
  { name: 'audit', description: 'Who changed what.' },
  { name: 'health', description: 'For whoever watches the API.' },
];

/** A body of another type than JSON. */
interface TypedBody {
  readonly content: Record<string, { readonly schema: z.ZodType }>;
}

interface RouteSchema {
  readonly body?: z.ZodType | TypedBody;
  readonly querystring?: z.ZodType;
  readonly params?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly response?: Record<string, z.ZodType>;
  /** The content type of an answer that is a file. */
  readonly produces?: readonly [string];
  /** By status, the headers of its answers that not every answer of the status has. */
  readonly responseHeaders?: Readonly<Record<string, readonly ResponseHeader[]>>;
  /** What generated clients call the operation. */
  readonly operationId?: string;
  readonly hide?: boolean;
  readonly [key: string]: unknown;
}

/** An answer that is a file. */
const File = z.string();

/** The OpenAPI document, made from the routes and their schemas, and a page to read and try it. */
export default fp(async (app) => {
  await app.register(fastifyZodOpenApiPlugin, {
    documentOpts: {
      override: ({ zodSchema, jsonSchema }) => {
        // What zod says of every integer without a bound of its own; examples would be this number.
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
        // zod leaves out those of input that is transformed. Ours is only looked at (`list`).
        const examples = z.globalRegistry.get(zodSchema)?.examples;
        if (examples) jsonSchema.examples ??= examples as unknown[];
      },
    },
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Inventory API',
        version: VERSION,
        license: { name: 'MIT', identifier: 'MIT' },
        description:
          'Items, stock and the ledger behind it. Log in with POST /api/v1/auth/login and send the access token ' +
          'as a bearer token. A program sends an API key instead, which an admin makes with POST /api/v1/api-keys.',
      },
      servers: [{ url: '/', description: 'Where this document comes from.' }],
      tags: TAGS,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An access token, or an API key.' },
        },
      },
    },
    transform: (route) => fastifyZodOpenApiTransform({ ...route, schema: described(route) as never }),
    transformObject: fastifyZodOpenApiTransformObject,
  });

  app.get('/openapi.json', { schema: { hide: true } as never }, async () => app.swagger());

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: () => CONTENT_SECURITY_POLICY,
    theme: { title: 'Inventory API' },
    // Without the bar that offers to explore other addresses, which the policy would refuse.
    uiConfig: { layout: 'BaseLayout', persistAuthorization: true, tryItOutEnabled: true },
  });
});

/** What Swagger UI needs: its own files, images inside its style sheet, and requests to this API. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** A route's schema with what every route of its kind has: refusals, headers of answers, who may ask. */
function described({
  schema,
  url,
  route,
}: {
  schema: FastifySchema;
  url: string;
  route: RouteOptions;
}): object {
  const { response, produces, responseHeaders: declared, ...rest } = (schema ?? {}) as RouteSchema;
  if (!rest.hide && !rest.operationId) throw new Error(`${String(route.method)} ${url} has no operationId`);
  const { body, querystring, params, headers } = rest;
  const limited = route.config?.rateLimit !== false;
  const isPublic = route.config?.role === undefined;
  const refusals = [
    ...(body || params ? ['400'] : []),
    ...(body ? ['413', '415'] : []),
    ...(params ? ['414'] : []),
    ...(isPublic ? [] : ['401', '403']),
    ...(body || querystring || params || headers ? ['422'] : []),
    ...(limited ? ['429', '503'] : []),
  ];
  const answers: Record<string, z.ZodType> = {
    ...(produces && { 200: File }),
    ...Object.fromEntries(refusals.map((status) => [status, Problem])),
    ...response,
  };
  return {
    ...rest,
    security: isPublic ? [] : [{ bearer: [] }],
    response: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [
        status,
        {
          description: answer === Problem ? describe(status) : (STATUS_CODES[status] ?? status),
          headers: responseHeaders(status, declared?.[status] ?? [], limited),
          ...(answer === Empty
            ? { content: undefined, type: 'null' }
            : { content: contentOf(status, answer, produces) }),
        },
      ]),
    ),
  };
}

function contentOf(status: string, answer: z.ZodType, produces: RouteSchema['produces']): object {
  if (answer === Problem) {
    return { 'application/problem+json': { schema: answer, example: exampleProblem(Number(status)) } };
  }
  const type = answer === File ? produces?.[0] : undefined;
  return { [type ?? 'application/json']: { schema: answer } };
}

/** A status with the codes that its problems may have. */
function describe(status: string): string {
  const codes = codesOf(Number(status)).map((code) => `\`${code}\``);
  return `${STATUS_CODES[status]}: ${codes.join(', ')}`;
}

function exampleProblem(status: number): z.output<typeof Problem> {
  const title = STATUS_CODES[status] ?? 'Problem';
  return {
    type: 'about:blank',
    title,
    status,
    code: codesOf(status)[0] ?? 'bad_request',
    detail: 'What is wrong, in a sentence.',
    request_id: 'b1f4c1d2-6a52-4c0e-9d2f-6f1f0a5c7e11',
    errors: [],
  };
}
