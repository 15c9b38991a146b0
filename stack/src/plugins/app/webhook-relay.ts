import fp from 'fastify-plugin';
import { Destinations } from '../../webhooks/addresses.js';
import { Relay } from '../../webhooks/relay.js';
import { Sender } from '../../webhooks/sender.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Where webhooks may lead. */
    webhookDestinations: Destinations;
    webhookSender: Sender;
  }
}

/** Delivers webhooks while the API listens, unless the settings have it off. */
export default fp(
  async (app) => {
    const destinations = new Destinations(app.settings.webhookNetworks);
    const sender = new Sender(destinations);
    app.decorate('webhookDestinations', destinations);
    app.decorate('webhookSender', sender);
    app.addHook('onClose', async () => sender.close());
    if (app.settings.webhooks === 'off') return;

    const relay = new Relay({
      webhooks: app.repositories.webhooks,
      sender,
      log: app.log,
      onAttempt: (outcome) => app.metrics.webhookDeliveries.inc({ outcome }),
    });
    let listening = false;
    app.addHook('onListen', async () => {
      listening = true;
      relay.start();
    });
    // Most changes come through this process: their events need not wait for the next look.
    app.addHook('onResponse', (request, reply, done) => {
      if (listening && request.method !== 'GET' && reply.statusCode < 300) relay.wake();
      done();
    });
    app.addHook('preClose', () => relay.stop());
  },
  { name: 'webhook-relay', dependencies: ['repositories', 'metrics'] },
);
