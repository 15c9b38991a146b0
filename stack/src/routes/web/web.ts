import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { PACKAGE } from '../../package.js';

/** What `npm run build` makes of web/. */
const FOLDER = fileURLToPath(new URL('dist/web', PACKAGE));

/** Addresses that people open, of which the page makes the right view: they can be linked, and reloaded. */
const VIEWS = [
  '/',
  '/items',
  '/items/new',
  '/items/:id',
  '/stock/receive',
  '/stock/issue',
  '/stock/transfer',
  '/stock/count',
  '/import',
  '/import-counts',
  '/imports',
  '/import/:id',
  '/reports',
  '/reports/low-stock',
  '/reports/valuation',
  '/reports/movements',
  '/locations',
  '/categories',
  '/suppliers',
  '/users',
  '/api-keys',
  '/webhooks',
  '/audit',
];

/** Scripts and styles that are files of the page, and requests to this API; nothing inline, nothing from elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

/** The inventory in a browser. */
const web: FastifyPluginAsync = async (app) => {
  const page = join(FOLDER, 'index.html');
  if (!existsSync(page)) {
    app.log.warn({ page }, 'the page for browsers was not built: npm run build');
    return;
  }
  const html = readFileSync(page);
  const sendPage = async (_request: unknown, reply: FastifyReply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      // It names the files of this build, which are kept for ever.
      .header('cache-control', 'no-cache')
      .send(html);
  for (const url of VIEWS) app.get(url, { schema: { hide: true } as never }, sendPage);

  await app.register(fastifyStatic, {
    root: join(FOLDER, 'assets'),
    prefix: '/assets/',
    // Only files that are there: anything else is the API's own 404.
    wildcard: false,
    index: false,
    decorateReply: false,
    preCompressed: true,
    // The name of a file has a hash of its content.
    immutable: true,
    maxAge: '365d',
  });
};

export default web;
