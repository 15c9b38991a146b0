import pg from 'pg';

const CLIENTS = 8;

/**
 * Inserts into `acknowledged (id text)` by several clients, and notes each id when its commit is acknowledged, until
 * `stop` is called or the server is gone.
 */
export function acknowledgedLoad(connectionString, name) {
  const acknowledged = [];
  const times = new Map();
  let stopped = false;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const connection = new pg.Client({ connectionString });
    connection.on('error', () => {});
    try {
      await connection.connect();
      for (let number = 0; !stopped; number += 1) {
        const id = `${name}-${client}-${number}`;
        await connection.query('INSERT INTO acknowledged (id) VALUES ($1)', [id]);
        acknowledged.push(id);
        times.set(id, Date.now());
      }
    } catch {
      // The server was killed.
    } finally {
      await connection.end().catch(() => {});
    }
  });
  return {
    count: () => acknowledged.length,
    acknowledgedAt: (id) => times.get(id),
    async stop() {
      stopped = true;
      await Promise.all(clients);
      return acknowledged;
    },
  };
}
