import { UserError } from '../../errors.js';
import { withSessionOptions } from '../../postgres/session-settings.js';
import type { ProjectLocation } from '../../project/locate.js';
import { outputTail } from '../../system/argv.js';
import type { Secret } from '../../system/secret.js';
import type { DatabaseAccess, Login } from '../database-access.js';
import type { Engine, PipeResult } from '../engine.js';
import type { RunBeside } from './psql-session.js';

const CONNECT_SECONDS = 10;

/** By programs beside the server, in its container: nothing outside of it reaches the socket. */
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
      // While the image makes its cluster, the server listens on its socket alone.
      const { status, stderr } = await run(['pg_isready', '--quiet', '--host=127.0.0.1'], { signal });
      return { listening: status === 0, said: stderr };
    },
    psql: ({ user, database }, { words, terminal }) =>
      exec(location, service, ['psql', `--username=${user}`, `--dbname=${database}`, ...words], {
        tty: terminal,
      }),
  };
}

/** By the container's own address: the image's pg_hba.conf trusts everybody who comes from 127.0.0.1. */
async function accepts(
  run: RunBeside,
  service: string,
  login: Login,
  password: Secret,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const options = signal ? { signal } : {};
  const addresses = await run(['hostname', '-i'], options);
  const [address] = addresses.stdout.trim().split(/\s+/);
  if (addresses.status !== 0 || !address) {
    throw failed('PROGRAM_FAILED', `the address of the service ${service} is unknown`, addresses);
  }
  const command = [
    'psql',
    `--host=${address}`,
    `--username=${login.user}`,
    `--dbname=${login.database}`,
    '--no-psqlrc',
    '--no-password',
    '--quiet',
    '--command=SELECT 1',
  ];
  const answer = await run(withSessionOptions(command, login), {
    ...options,
    env: { PGPASSWORD: password.reveal(), PGCONNECT_TIMEOUT: String(CONNECT_SECONDS) },
  });
  if (answer.status === 0) return true;
  // psql's status is that of any failed connection, and its words are in the server's language.
  const ready = await run(['pg_isready', `--host=${address}`], options);
  if (answer.status === 2 && ready.status === 0) return false;
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
