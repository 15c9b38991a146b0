import { UserError, usageError } from '../../errors.js';
import { sessionOptions } from '../../postgres/session-settings.js';
import type { ProjectLocation } from '../../project/locate.js';
import { databaseWord } from '../../system/argv.js';
import type { Secret } from '../../system/secret.js';
import type { Acceptance, DatabaseAccess, Login } from '../database-access.js';
import type { Engine } from '../engine.js';
import type { DatabaseConnection } from './connection.js';

/** Class 28 of PostgreSQL's error codes: invalid authorization specification. */
const REFUSED = /^28/;
const CONNECT_MS = 10_000;

/** Gives access by our own connections, because the server is a process of this machine. */
export function processDatabase(
  engine: Pick<Engine, 'exec' | 'volumes'> & {
    connection(location: ProjectLocation, service: string): Promise<DatabaseConnection>;
  },
  location: ProjectLocation,
  service: string,
): DatabaseAccess {
  const connection = () => engine.connection(location, service);
  const hasClientPrograms = async () => (await connection()).clientPrograms !== undefined;
  return {
    sharesFiles: true,
    hasClientPrograms,
    async dataFolder() {
      const volume = (await engine.volumes(location)).find(({ services }) => services.includes(service));
      return volume?.mountpoint;
    },
    async session(login) {
      const { ClientSession } = await import('./client-session.js');
      return ClientSession.open(await connection(), login);
    },
    accepts: async (login, password) => accepts(await connection(), login, password),
    // The engine starts a server only after it made the cluster.
    listens: async () => ({ listening: true, said: '' }),
    async psql({ user, database }, { words, terminal, stdin, stdout, stderr }) {
      if (await hasClientPrograms()) {
        const command = ['psql', `--username=${user}`, `--dbname=${databaseWord(database)}`, ...words];
        return engine.exec(location, service, command, { tty: terminal });
      }
      const { runSqlSession } = await import('./sql-session.js');
      return runSqlSession({
        // The same error that psql prints.
        connection: { ...(await connection()), database },
        ...sqlArgument(words),
        input: stdin,
        output: stdout,
        messages: stderr,
        interactive: terminal,
      });
    },
  };
}

async function accepts(
  { host, port, user, serverMajor }: DatabaseConnection,
  { database, role }: Login & { role?: string },
  password: Secret,
): Promise<Acceptance> {
  const pg = (await import('pg')).default;
  const client = new pg.Client({
    host,
    port,
    user: role ?? user,
    database,
    password: password.reveal(),
    // An ordinary role cannot change settings that are reserved to superusers.
    options: sessionOptions({ major: serverMajor, superuser: role === undefined }),
    connectionTimeoutMillis: CONNECT_MS,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return { accepted: true, said: '' };
  } catch (error) {
    if (error instanceof Error && 'code' in error && REFUSED.test(String(error.code))) {
      return { accepted: false, said: error.message };
    }
    throw new UserError({
      code: 'DATABASE_UNREACHABLE',
      message: `the database does not answer: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'invctl ps',
      cause: error,
    });
  } finally {
    await client.end().catch(() => {});
  }
}

function sqlArgument([option, sql, ...more]: readonly string[]): { sql?: string } {
  if (option === undefined) return {};
  if ((option === '-c' || option === '--command') && sql !== undefined && more.length === 0) return { sql };
  throw usageError(
    'this PostgreSQL has no psql; of its arguments only one `-c SQL` works',
    'install psql (Debian: postgresql-client), or: invctl db psql -- -c SQL',
  );
}
