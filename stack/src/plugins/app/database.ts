import fp from 'fastify-plugin';
import { Database } from '../../database/database.js';
import { Importer } from '../../importer/importer.js';
import { Ledger } from '../../ledger/ledger.js';
import { Items } from '../../repositories/items.js';
import { RefreshTokens } from '../../repositories/refresh-tokens.js';
import { Users } from '../../repositories/users.js';

export interface Repositories {
  readonly items: Items;
  readonly users: Users;
  readonly refreshTokens: RefreshTokens;
}

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    repositories: Repositories;
    ledger: Ledger;
    importer: Importer;
  }
}

/** The pool and everything that speaks SQL. The pool is closed when the last request has been answered. */
export default fp(
  async (app) => {
    const database = new Database(app.settings, (error) =>
      app.log.warn({ err: error }, 'database connection lost'),
    );
    app.decorate('database', database);
    app.decorate('ledger', new Ledger(database));
    app.decorate('importer', new Importer(database));
    app.decorate('repositories', {
      items: new Items(database),
      users: new Users(database),
      refreshTokens: new RefreshTokens(database),
    });
    app.addHook('onClose', () => database.close());
  },
  { name: 'repositories' },
);
