import fp from 'fastify-plugin';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ImportOutcome } from '../../importer/importer.js';
import type { Kind } from '../../ledger/ledger.js';

export interface Metrics {
  readonly registry: Registry;
  /** Movements written to the ledger, by kind. */
  readonly movements: Counter<'kind'>;
  /** Imports, by how they ended. */
  readonly imports: Counter<'status'>;
  /** Attempts to deliver an event to a webhook, by what came of them. */
  readonly webhookDeliveries: Counter<'outcome'>;
}

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics;
  }
}

const KINDS_COUNTED: readonly Kind[] = ['receive', 'issue', 'adjust', 'count', 'transfer', 'reversal'];
const STATUSES: readonly ImportOutcome['status'][] = ['applied', 'checked', 'rejected'];

/** What Prometheus reads: requests, the pool, stock and imports, and the process itself. */
export default fp(
  async (app) => {
    const registry = new Registry();
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    // Gauges that are named like counters, which `promtool check metrics` refuses.
    for (const kind of ['handles', 'requests', 'resources']) {
      registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    }

    const duration = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from a request to its answer, by route.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    app.addHook('onResponse', (request, reply, done) => {
      // The route, not the path: every id would be a series of its own.
      const route = request.routeOptions.url ?? 'none';
      duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
      done();
    });

    const connections = new Gauge({
      name: 'inventory_database_connections',
      help: 'Connections to the database, by state; waiting are requests that wait for one.',
      labelNames: ['state'],
      registers,
      collect() {
        const { total, idle, waiting } = app.database.connections;
        connections.set({ state: 'idle' }, idle);
        connections.set({ state: 'used' }, total - idle);
        connections.set({ state: 'waiting' }, waiting);
      },
    });

    const movements = new Counter({
      name: 'inventory_movements_total',
      help: 'Movements that requests wrote to the ledger, by kind.',
      labelNames: ['kind'],
      registers,
    });
    const imports = new Counter({
      name: 'inventory_imports_total',
      help: 'Uploaded files, by how their import ended.',
      labelNames: ['status'],
      registers,
    });
    const webhookDeliveries = new Counter({
      name: 'inventory_webhook_deliveries_total',
      help: 'Attempts to deliver an event to a webhook, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    // From the start, so that the first one is an increase.
    for (const kind of KINDS_COUNTED) movements.inc({ kind }, 0);
    for (const status of STATUSES) imports.inc({ status }, 0);
    for (const outcome of ['delivered', 'failed', 'given_up']) webhookDeliveries.inc({ outcome }, 0);

    app.decorate('metrics', { registry, movements, imports, webhookDeliveries });
  },
  { name: 'metrics', dependencies: ['repositories'] },
);
