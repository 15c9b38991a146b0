import { UserError } from '../../errors.js';
import { withSessionOptions } from '../../postgres/session-settings.js';
import type { ProjectLocation } from '../../project/locate.js';
import { databaseWord, outputTail } from '../../system/argv.js';
import type { Secret } from '../../system/secret.js';
import type { Acceptance, DatabaseAccess, Login } from '../database-access.js';
import type { Engine, PipeResult } from '../engine.js';
import type { RunBeside } from './psql-session.js';

const CONNECT_SECONDS = 10;
/** Exit status of our script; psql's own are 0 to 3. */
const NO_ADDRESS = 90;
const REFUSED = 91;

/**
 * Gives access to a database through programs beside the server, in its container: the socket cannot be
 * reached from outside.
 */
export function containerDatabase(
  { exec, pipe }: Pick<Engine, 'exec' | 'pipe'>,
  location: ProjectLocation,
  service: string,
): DatabaseAccess {
  const run: RunBeside = (command, options) => pipe(location, service, command, options);
  return {
    sharesFiles: false,
    hasClientPrograms: async () => true,
    dataFolder: async () => undefined,
    async session(login) {
      const { PsqlSession } = await import('./psql-session.js');
      return new PsqlSession(run, login);
    },
    accepts: (login, password, signal) => accepts(run, service, login, password, signal),
    async listens(signal) {
      // While the image initialises its cluster, the server listens only on its socket.
      const { status, stderr } = await run(['pg_isready', '--quiet', '--host=127.0.0.1'], { signal });
      return { listening: status === 0, said: stderr };
    },
    psql: ({ user, database }, { words, terminal }) =>
      exec(
        location,
        service,
        ['psql', `--username=${user}`, `--dbname=${databaseWord(database)}`, ...words],
        {
          tty: terminal,
        },
      ),
  };
}

/**
 * Logs in by the container's own address, because the image's pg_hba.conf trusts every connection from
 * 127.0.0.1. psql exits with the same status for every failed connection, and its message is in the server's
 * language. So if the server answers otherwise, the login itself was refused.
 */
const LOG_IN = `user=$1 database=$2
set -- $(hostname -i)
[ -n "$1" ] || exit ${NO_ADDRESS}
psql --host="$1" --username="$user" --dbname="$database" --no-psqlrc --no-password --quiet --command='SELECT 1'
status=$?
[ $status -eq 2 ] && pg_isready --quiet --host="$1" && exit ${REFUSED}
exit $status`;

async function accepts(
  run: RunBeside,
  service: string,
  { role, ...login }: Login & { role?: string },
  password: Secret,
  signal: AbortSignal | undefined,
): Promise<Acceptance> {
  const user = role ?? login.user;
  const command = ['sh', '-c', LOG_IN, 'sh', user, databaseWord(login.database)];
  const answer = await run(withSessionOptions(command, { ...login, user }), {
    ...(signal ? { signal } : {}),
    env: { PGPASSWORD: password.reveal(), PGCONNECT_TIMEOUT: String(CONNECT_SECONDS) },
  });
  if (answer.status === 0) return { accepted: true, said: '' };
  if (answer.status === REFUSED) return { accepted: false, said: answer.stderr.trim() };
  if (answer.status === NO_ADDRESS) {
    throw failed('PROGRAM_FAILED', `the address of the service ${service} is unknown`, answer);
  }
  throw failed('DATABASE_UNREACHABLE', 'the database does not answer', answer, 'invctl ps');
}

function failed(code: string, what: string, { stderr, status }: PipeResult, hint?: string): UserError {
  const said = outputTail(stderr, 8);
  return new UserError({
    code,
    message: `${what}${said ? `:\n${said}` : ` (exit status ${status})`}`,
    ...(hint === undefined ? {} : { hint }),
  });
}
