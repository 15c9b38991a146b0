import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import fp from 'fastify-plugin';
import { RequestValidationError } from 'fastify-zod-openapi';
import pg from 'pg';
import type { z } from 'zod';
import { DatabaseUnavailableError, isSerializationFailure, isTimeout } from '../../database/connection.js';
import { codesOf, ERRORS_SHOWN, invalid, Problem, type ProblemDetail } from '../../problem.js';
import { keywordOf } from './flaws.js';

const IF_MATCH = 'if-match';
const RETRY_AFTER_SECONDS = '2';
/** Of a pointer or a message, which may repeat what was sent. */
const TEXT_SHOWN = 300;

/** What a broken constraint means to the caller. The others are bugs of ours. */
const CONSTRAINTS: Record<string, Problem> = {
  items_sku_key: taken('/body/sku', 'An item with this SKU exists.'),
  items_barcode_key: taken('/body/barcode', 'An item with this barcode exists.'),
  items_category_id_fkey: unknown('/body/category_id', 'There is no such category.'),
  items_supplier_id_fkey: unknown('/body/supplier_id', 'There is no such supplier.'),
  categories_in_use: new Problem(409, 'in_use', 'Items refer to this category.'),
  suppliers_in_use: new Problem(409, 'in_use', 'Items refer to this supplier.'),
  categories_name_key: taken('/body/name', 'A category with this name exists.'),
  suppliers_name_key: taken('/body/name', 'A supplier with this name exists.'),
  locations_code_key: taken('/body/code', 'A location with this code exists.'),
  users_username_key: taken('/body/username', 'A user with this name exists.'),
  api_keys_name_key: taken('/body/name', 'An API key with this name exists.'),
  stock_levels_location_id_fkey: new Problem(409, 'in_use', 'The location holds or held stock.'),
  stock_levels_on_hand_not_negative: new Problem(409, 'insufficient_stock', 'There is not enough stock.'),
  stock_levels_on_hand_limit: new Problem(
    422,
    'quantity_out_of_range',
    'Stock would exceed what a location holds.',
  ),
  items_decimals_raised: new Problem(
    409,
    'in_stock',
    'The item has or had stock: its decimals can be raised, not lowered. Add another item for coarser quantities.',
    { errors: [{ pointer: '/body/decimals', code: 'lowered', message: 'can only be raised' }] },
  ),
  movements_reverses_key: new Problem(
    409,
    'already_reversed',
    'This group of movements was reversed before.',
  ),
};

function taken(pointer: string, message: string): Problem {
  return new Problem(409, 'conflict', message, { errors: [{ pointer, code: 'taken', message }] });
}

function unknown(pointer: string, message: string): Problem {
  return new Problem(422, 'invalid', message, { errors: [{ pointer, code: 'unknown', message }] });
}

/** One error handler for everything: whatever was thrown leaves as problem+json, and nothing else does. */
export default fp(
  async (app) => {
    app.setErrorHandler(answerError);
    app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) =>
      sendProblem(new Problem(404, 'no_such_route', 'There is nothing at this address.'), request, reply),
    );
  },
  { name: 'problems', dependencies: ['@fastify/rate-limit'] },
);

/** Answers any error. Also for what Fastify refuses before it has found a route. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = asProblem(error, request);
  if (problem.status >= 500) request.log.error({ err: error }, problem.message);
  return sendProblem(problem, request, reply);
}

function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const errors = problem.errors
    .slice(0, ERRORS_SHOWN)
    .map(({ pointer, code, message }) => ({ pointer: shown(pointer), code, message: shown(message) }));
  const omitted = problem.errors.length - errors.length;
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: STATUS_CODES[problem.status],
        status: problem.status,
        code: problem.code,
        detail: problem.message,
        request_id: request.id,
        ...(omitted > 0 && { errors_omitted: omitted }),
        ...problem.extensions,
        errors,
      }),
    );
}

function shown(text: string): string {
  return text.length > TEXT_SHOWN ? `${text.slice(0, TEXT_SHOWN).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

/** The problem that stands for any error. What is not foreseen is a 500 that tells nothing. */
function asProblem(error: FastifyError, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  if (error.validation) return refusedInput(error.validation, error.validationContext, request);
  if (error instanceof DatabaseUnavailableError || isSerializationFailure(error)) {
    return new Problem(503, 'unavailable', 'The database cannot serve this request now. Try again.', {
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  if (error instanceof pg.DatabaseError) return databaseProblem(error);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    // Fastify's own refusals: FST_ERR_CTP_BODY_TOO_LARGE and the like. Some of their messages quote the input.
    const own = error.code?.toLowerCase().replace(/^fst_err_(ctp_)?/, '');
    const code = codesOf(status).find((known) => known === own) ?? codesOf(status)[0];
    if (code) return new Problem(status, code, `${STATUS_CODES[status]}.`);
    return new Problem(400, 'bad_request', 'The request cannot be served.');
  }
  return new Problem(500, 'internal', 'Something went wrong on our side.');
}

function databaseProblem(error: pg.DatabaseError): Problem {
  const known = error.constraint === undefined ? undefined : CONSTRAINTS[error.constraint];
  if (known) return known;
  if (isTimeout(error)) {
    return new Problem(503, 'timeout', 'The request took too long and was given up.', {
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  // Class 22 is data that PostgreSQL cannot take, 23 a constraint: input that no schema here stopped.
  if (error.code?.startsWith('22')) return new Problem(422, 'invalid', 'A value cannot be stored as given.');
  if (error.code === '23505' || error.code === '23503' || error.code === '23001') {
    return new Problem(409, 'conflict', 'The change contradicts what is stored.');
  }
  if (error.code?.startsWith('23')) {
    return new Problem(422, 'invalid', 'A value is outside of what can be stored.');
  }
  return new Problem(500, 'internal', 'Something went wrong on our side.');
}

/** What each part of a request is called in a pointer, and where it is. */
const PARTS: Record<string, readonly [name: string, key: 'body' | 'query' | 'params' | 'headers']> = {
  body: ['body', 'body'],
  querystring: ['query', 'query'],
  params: ['path', 'params'],
  headers: ['headers', 'headers'],
};

function refusedInput(
  flaws: readonly FastifySchemaValidationError[],
  context: string | undefined,
  request: FastifyRequest,
): Problem {
  const [name, key] = PARTS[context ?? 'body'] ?? ['body', 'body'];
  if (key === 'headers' && request.headers[IF_MATCH] === undefined && flaws.some(concernsIfMatch)) {
    const detail = 'Send If-Match with the ETag of the version that you have read.';
    return new Problem(428, 'if_match_required', detail);
  }
  return invalid(
    flaws.flatMap((flaw) =>
      flaw instanceof RequestValidationError ? detailsOf(flaw.params.issue, name, request[key]) : [],
    ),
  );
}

function concernsIfMatch({ instancePath }: FastifySchemaValidationError): boolean {
  return instancePath === `/${IF_MATCH}`;
}

function detailsOf(issue: z.core.$ZodIssue, part: string, input: unknown): ProblemDetail[] {
  const { message } = issue;
  const code = keywordOf(issue, input);
  const paths =
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
  return paths.map((path) => ({ pointer: pointerOf([part, ...path]), code, message }));
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
