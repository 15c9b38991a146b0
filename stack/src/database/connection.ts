import pg from 'pg';
import type { Settings } from '../settings/declarations.js';

/** PostgreSQL's bigint: every bigint of this schema is bounded to what a JavaScript number holds exactly. */
const INT8_OID = 20;

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** What every connection of the API has in common. Times that it reads and writes are UTC, in the order of ISO 8601. */
export function connectionConfig(settings: Settings): pg.ClientConfig {
  return {
    host: settings.databaseHost,
    port: settings.databasePort,
    database: settings.databaseName,
    user: settings.databaseUser,
    password: settings.databasePassword,
    application_name: 'inventory-api',
    options: '-c TimeZone=UTC -c DateStyle=ISO',
    keepAlive: true,
    types,
  };
}

/** The database cannot be reached, or has no connection to spare: worth another try in a moment. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}

/** Whether an error that came from pg means that its connection, rather than its statement, has failed. */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) {
    // Class 08 connection exception, 57P01 to 57P05 shutdown and idle time-outs, 53300 too many connections.
    return error.severity === 'FATAL' || /^(08|57P0|53300)/.test(error.code ?? '');
  }
  return error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError);
}

/** What a caller is told of an error that came from pg. */
export function asFailure(error: unknown): unknown {
  return isConnectionFailure(error)
    ? new DatabaseUnavailableError('the database connection failed', { cause: error })
    : error;
}

/** Whether PostgreSQL gave a statement up after its time. */
export function isTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '57014';
}

/** Whether PostgreSQL undid the work only because of what ran beside it, so that it can be done again. */
export function isSerializationFailure(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40001' || error.code === '40P01');
}
