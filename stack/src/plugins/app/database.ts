import fp from 'fastify-plugin';
import { Database } from '../../database/database.js';
import { CountFiles } from '../../importer/counts.js';
import { Importer } from '../../importer/importer.js';
import { Ledger } from '../../ledger/ledger.js';
import { ApiKeys } from '../../repositories/api-keys.js';
import { AuditLog } from '../../repositories/audit.js';
import { Imports } from '../../repositories/imports.js';
import { Items } from '../../repositories/items.js';
import { Locations } from '../../repositories/locations.js';
import { Movements } from '../../repositories/movements.js';
import { RefreshTokens } from '../../repositories/refresh-tokens.js';
import { Reports } from '../../repositories/reports.js';
import { Users } from '../../repositories/users.js';
import { VersionedTable } from '../../repositories/versioned-table.js';
import { Webhooks } from '../../repositories/webhooks.js';
import { Spool } from '../../spool/spool.js';

export interface Repositories {
  readonly items: Items;
  readonly categories: VersionedTable;
  readonly suppliers: VersionedTable;
  readonly locations: Locations;
  readonly movements: Movements;
  readonly imports: Imports;
  readonly reports: Reports;
  readonly auditLog: AuditLog;
  readonly users: Users;
  readonly refreshTokens: RefreshTokens;
  readonly apiKeys: ApiKeys;
  readonly webhooks: Webhooks;
}

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    repositories: Repositories;
    ledger: Ledger;
    importer: Importer;
    countFiles: CountFiles;
    /** Files that wait for a slow client. */
    spool: Spool;
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
    const spool = new Spool();
    app.decorate('spool', spool);
    app.decorate('importer', new Importer(database, spool));
    app.decorate('countFiles', new CountFiles(database, spool));
    app.decorate('repositories', {
      items: new Items(database),
      categories: new VersionedTable(
        database,
        'categories',
        'category',
        'id, name, version, created_at, updated_at',
      ),
      suppliers: new VersionedTable(
        database,
        'suppliers',
        'supplier',
        'id, name, email, phone, version, created_at, updated_at',
      ),
      locations: new Locations(database),
      movements: new Movements(database),
      imports: new Imports(database),
      reports: new Reports(database),
      auditLog: new AuditLog(database),
      users: new Users(database),
      refreshTokens: new RefreshTokens(database),
      apiKeys: new ApiKeys(database),
      webhooks: new Webhooks(database),
    });
    app.addHook('onClose', () => database.close());
  },
  { name: 'repositories' },
);
