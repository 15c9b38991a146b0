import { UserError } from '../errors.js';
import { Secret } from '../system/secret.js';
import { connectionArguments, type Database, programFailed, runClient, runProgram } from './database.js';
import { isEmbedded } from './open-session.js';
import { onlyRow, type Session } from './session.js';
import { sessionOptions } from './session-settings.js';
import { identifier, literal } from './sql.js';

/** Class 28 of PostgreSQL's error codes: invalid authorization specification. */
const REFUSED = /^28/;
const CONNECT_SECONDS = 10;

/** What the server stores of the role's password; null where it has none. */
export async function readVerifier(session: Session, role: string): Promise<Secret | null> {
  const { verifier } = await onlyRow<{ verifier: string | null }>(
    session,
    `SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = ${literal(role)}`,
  );
  return verifier === null ? null : new Secret(verifier);
}

/** Gives the role a password by its verifier, past every log of statements, and on the disk before it returns. */
export async function writeVerifier(session: Session, role: string, verifier: Secret | null): Promise<void> {
  await session.run(`
    BEGIN;
    SET LOCAL log_statement = 'none';
    SET LOCAL log_min_duration_statement = -1;
    SET LOCAL log_min_error_statement = 'panic';
    SET LOCAL synchronous_commit = 'on';
    ALTER ROLE ${identifier(role)} PASSWORD ${verifier === null ? 'NULL' : literal(verifier.reveal())};
    COMMIT;`);
}

/**
 * Whether the server lets its superuser in over TCP, as it does the app, with this password.
 * @throws UserError where the server does not answer at all.
 */
export async function acceptsPassword(
  database: Database,
  password: Secret,
  signal?: AbortSignal,
): Promise<boolean> {
  return isEmbedded(database.engine)
    ? acceptedByProcess(database, password)
    : acceptedByContainer(database, password, signal);
}

async function acceptedByProcess(
  { engine, location, service, name }: Database,
  password: Secret,
): Promise<boolean> {
  if (!isEmbedded(engine)) throw new Error('the embedded engine alone has a connection');
  const { host, port, user, serverMajor } = await engine.connection(location, service.name);
  const pg = (await import('pg')).default;
  const client = new pg.Client({
    host,
    port,
    user,
    database: name,
    password: password.reveal(),
    options: sessionOptions({ major: serverMajor, superuser: true }),
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && REFUSED.test(String(error.code))) return false;
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

/** By the container's own address: the image's pg_hba.conf trusts everybody who comes from 127.0.0.1. */
async function acceptedByContainer(
  database: Database,
  password: Secret,
  signal?: AbortSignal,
): Promise<boolean> {
  const options = signal ? { signal } : {};
  const addresses = await runProgram(database, ['hostname', '-i'], options);
  const [address] = addresses.stdout.trim().split(/\s+/);
  if (addresses.status !== 0 || !address) {
    throw programFailed(
      'PROGRAM_FAILED',
      `the address of the service ${database.service.name} is unknown`,
      addresses,
    );
  }
  const login = await runClient(
    database,
    [
      'psql',
      `--host=${address}`,
      ...connectionArguments(database),
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--command=SELECT 1',
    ],
    { ...options, env: { PGPASSWORD: password.reveal(), PGCONNECT_TIMEOUT: String(CONNECT_SECONDS) } },
  );
  if (login.status === 0) return true;
  // psql's status is that of any failed connection, and its words are in the server's language.
  const ready = await runProgram(database, ['pg_isready', `--host=${address}`], options);
  if (login.status === 2 && ready.status === 0) return false;
  throw programFailed('DATABASE_UNREACHABLE', 'the database does not answer', login, 'invctl ps');
}
