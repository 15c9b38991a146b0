import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { invalid, Problem as Refusal } from '../../problem.js';
import type { Versioned } from '../../repositories/versioned-table.js';
import { RefusedAddressError } from '../../webhooks/addresses.js';
import { decodeCursor } from '../cursor.js';
import { etag, matchedVersions } from '../etag.js';
import { sendPage } from '../page.js';
import { Empty, IdParams, IfMatchHeader, PageQuery, Problem, page } from '../schemas.js';
import {
  NewWebhook,
  Replay,
  Webhook,
  WebhookDelivery,
  WebhookPatch,
  WebhookTest,
  WebhookWithSecret,
} from './schemas.js';

const tags = ['webhooks'];
const config = { role: 'admin' } as const;
const SORT = 'id';
const DELIVERY_SORT = '-id';
/** Each keeps its place in the outbox, and a connection to its receiver. */
const MOST_WEBHOOKS = 50;

/** Who is told of changes. */
const webhooks: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { webhooks } = app.repositories;

  /** @throws {Problem} 422 for a URL to which nothing would be sent. */
  function checkUrl(text: string): void {
    const refuse = (message: string) => invalid([{ pointer: '/body/url', code: 'url', message }]);
    if (!URL.canParse(text)) throw refuse('is not a URL');
    const url = new URL(text);
    if (url.username !== '' || url.password !== '') throw refuse('has a user name or a password in it');
    try {
      app.webhookDestinations.check(url);
    } catch (error) {
      if (error instanceof RefusedAddressError) throw refuse(`is refused: ${error.message}`);
      throw error;
    }
  }

  function sendWithSecret(reply: FastifyReply, { json, secret, version }: Versioned & { secret: string }) {
    return reply
      .header('etag', etag(version))
      .header('cache-control', 'no-store')
      .json(JSON.stringify({ ...JSON.parse(json), secret }));
  }

  app.get(
    '/webhooks',
    {
      config,
      schema: {
        tags,
        operationId: 'listWebhooks',
        summary: 'List webhooks',
        querystring: PageQuery,
        response: { 200: page('Webhook', Webhook) },
      },
    },
    async ({ query: { limit, cursor } }, reply) => {
      const after = decodeCursor(cursor, SORT);
      return sendPage(
        reply,
        await webhooks.list({ column: 'id', descending: false, limit, after, conditions: [] }),
        SORT,
      );
    },
  );

  app.post(
    '/webhooks',
    {
      config,
      schema: {
        tags,
        operationId: 'createWebhook',
        summary: 'Add a webhook',
        description:
          'Events from now on are sent to its URL, signed as Standard Webhooks has it, until the receiver answers 2xx: ' +
          'in the order in which they happened, each at least once. webhook-id is the same when one is sent again.',
        body: NewWebhook,
        response: { 201: WebhookWithSecret, 409: Problem },
        responseHeaders: { 201: ['etag', 'location'] },
      },
    },
    async (request, reply) => {
      checkUrl(request.body.url);
      if ((await webhooks.count()) >= MOST_WEBHOOKS) {
        throw new Refusal(409, 'conflict', `There may be ${MOST_WEBHOOKS} webhooks.`);
      }
      const webhook = await webhooks.add(request.body, request.actor);
      reply.code(201).header('location', `/api/v1/webhooks/${webhook.id}`);
      return sendWithSecret(reply, webhook);
    },
  );

  app.get(
    '/webhooks/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'getWebhook',
        summary: 'Read a webhook, and how it fares',
        params: IdParams,
        response: { 200: Webhook, 404: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const webhook = await webhooks.find(request.params.id);
      return reply.header('etag', etag(webhook.version)).json(webhook.json);
    },
  );

  app.patch(
    '/webhooks/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'updateWebhook',
        summary: 'Change a webhook',
        description: 'What waits is tried at once.',
        params: IdParams,
        headers: IfMatchHeader,
        body: WebhookPatch,
        response: { 200: Webhook, 404: Problem, 412: Problem, 428: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const versions = matchedVersions(request.headers['if-match']);
      if (request.body.url !== undefined) checkUrl(request.body.url);
      const webhook = await webhooks.revise(request.params.id, versions, request.body, request.actor);
      return reply.header('etag', etag(webhook.version)).json(webhook.json);
    },
  );

  app.delete(
    '/webhooks/:id',
    {
      config,
      schema: {
        tags,
        operationId: 'deleteWebhook',
        summary: 'Remove a webhook',
        description: 'What waits for it is not sent.',
        params: IdParams,
        headers: IfMatchHeader,
        response: { 204: Empty, 404: Problem, 412: Problem, 428: Problem },
      },
    },
    async (request, reply) => {
      await webhooks.remove(request.params.id, matchedVersions(request.headers['if-match']), request.actor);
      return reply.code(204).send();
    },
  );

  app.post(
    '/webhooks/:id/secret',
    {
      config,
      schema: {
        tags,
        operationId: 'rotateWebhookSecret',
        summary: 'Replace the secret of a webhook',
        description: 'For a day, what is sent has signatures by both.',
        params: IdParams,
        response: { 200: WebhookWithSecret, 404: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) =>
      sendWithSecret(reply, await webhooks.rotateSecret(request.params.id, request.actor)),
  );

  app.post(
    '/webhooks/:id/replay',
    {
      config,
      schema: {
        tags,
        operationId: 'replayWebhook',
        summary: 'Send events again',
        description: 'Those of the last seven days, from a time on, with the webhook-id that they had.',
        params: IdParams,
        body: Replay,
        response: { 200: Webhook, 404: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const { version, json } = await webhooks.replay(request.params.id, request.body.from, request.actor);
      return reply.header('etag', etag(version)).json(json);
    },
  );

  app.post(
    '/webhooks/:id/test',
    {
      config,
      schema: {
        tags,
        operationId: 'testWebhook',
        summary: 'Send a test to a webhook, and read what came of it',
        description: 'Of the type webhook.test. It is sent once, whatever waits.',
        params: IdParams,
        response: { 200: WebhookTest, 404: Problem },
      },
    },
    async (request) => {
      const { url, secrets } = await webhooks.target(request.params.id);
      if (app.settings.webhooks === 'off') {
        return { delivered: false, status: null, error: 'nothing is sent: WEBHOOKS is off', duration_ms: 0 };
      }
      const body = JSON.stringify({ type: 'webhook.test', timestamp: new Date().toISOString(), data: {} });
      const stop = new AbortController();
      const { durationMs, ...attempt } = await app.webhookSender.send(
        url,
        secrets,
        { id: randomUUID(), body },
        stop.signal,
      );
      return { ...attempt, duration_ms: durationMs };
    },
  );

  app.get(
    '/webhooks/:id/deliveries',
    {
      config,
      schema: {
        tags,
        operationId: 'listWebhookDeliveries',
        summary: 'List attempts to deliver to a webhook, the newest first',
        description: 'Those of the last seven days.',
        params: IdParams,
        querystring: PageQuery,
        response: { 200: page('WebhookDelivery', WebhookDelivery), 404: Problem },
      },
    },
    async ({ params: { id }, query: { limit, cursor } }, reply) => {
      await webhooks.find(id);
      const after = decodeCursor(cursor, DELIVERY_SORT);
      return sendPage(reply, await webhooks.deliveries(id, limit, after), DELIVERY_SORT);
    },
  );
};

export default webhooks;
