import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { explainFileError, syncFolder } from '../../system/files.js';
import type { ProcessRunner } from '../../system/process.js';
import { commandLine } from '../../system/process-table.js';
import { identifier } from '../../system/sql.js';
import { makeStateFolder } from '../../system/state-root.js';
import { type DatabaseService, serverArguments } from './classify.js';
import type { DatabaseSettings } from './database-settings.js';
import { onlyEnvironment } from './environment.js';
import type { Installation } from './installation.js';
import type { LaunchPlan } from './launch.js';
import { checkReachable, type ServerUser } from './server-user.js';
import type { ServerRecord } from './state.js';

/** The server sees nothing of our shell: PGDATA, PGPORT or PGOPTIONS there would change what it does. */
const SERVER_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

export interface ClusterPlan {
  dataFolder: string;
  installation: Pick<Installation, 'programs'>;
  user: ServerUser;
  settings: DatabaseSettings;
  /** Marks the programs that run on the way. */
  mark: Record<string, string>;
  /** Our own environment, of which they get nothing. */
  env: NodeJS.ProcessEnv;
}

/** Major that wrote a data folder; undefined where there is none. */
export function dataMajor(dataFolder: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(dataFolder, 'PG_VERSION'), 'utf8'), 10);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Initialises a data folder as the image does: superuser, password, database. It is made under another name and
 * renamed when it is whole, so one that was cut off is never taken for a cluster.
 *
 * Text sorts by ICU's root rules for English, as near to the image's en_US.utf8 as every platform has it.
 *
 * @throws UserError DATABASE_PASSWORD_MISSING (exit 4); CommandError where initdb fails.
 */
export async function initialiseCluster(
  plan: ClusterPlan,
  processes: ProcessRunner,
  signal: AbortSignal,
): Promise<void> {
  const { dataFolder, installation, user, settings } = plan;
  if (!settings.password?.reveal()) throw noPasswordError();
  await makeStateFolder(dirname(dataFolder), 'traversable');
  checkReachable(dataFolder, user);
  await removeCutOff(dataFolder);
  const partial = `${dataFolder}.partial-${randomBytes(4).toString('hex')}`;
  const passwordFile = `${partial}.password`;
  const env = onlyEnvironment({ ...SERVER_ENVIRONMENT, ...plan.mark }, plan.env);
  const options = { cwd: '/', env, signal, ...user.ids };
  try {
    await mkdir(partial, { mode: 0o700 });
    await writeFile(passwordFile, `${settings.password.reveal()}\n`, { mode: 0o600, flag: 'wx' });
    for (const path of [partial, passwordFile]) await giveTo(user, path);
    await processes.run(
      join(installation.programs, 'initdb'),
      [
        `--pgdata=${partial}`,
        `--username=${settings.superuser}`,
        `--pwfile=${passwordFile}`,
        '--auth-local=trust',
        '--auth-host=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=icu',
        '--icu-locale=en-US',
        ...settings.initdbArguments,
      ],
      options,
    );
    await rm(passwordFile);
    if (settings.database !== 'postgres') {
      const statement = `CREATE DATABASE ${identifier(settings.database)}`;
      await runSingleUser({ ...plan, dataFolder: partial }, 'postgres', statement, processes, signal);
    }
    await rename(partial, dataFolder);
    await syncFolder(dirname(dataFolder));
  } catch (error) {
    await removeCutOff(dataFolder);
    throw explainFileError(error, dataFolder);
  }
}

/**
 * Runs a statement by PostgreSQL's single-user mode, on a data folder that no server runs on.
 * @returns all that the server prints. @throws CommandError where the statement fails.
 */
export async function runSingleUser(
  { installation, dataFolder, user, mark, env }: Omit<ClusterPlan, 'settings'>,
  database: string,
  statement: string,
  processes: ProcessRunner,
  signal: AbortSignal,
): Promise<string> {
  const { stdout, stderr } = await processes.run(
    join(installation.programs, 'postgres'),
    ['--single', '-c', 'exit_on_error=on', '-D', dataFolder, database],
    {
      cwd: '/',
      env: onlyEnvironment({ ...SERVER_ENVIRONMENT, ...mark }, env),
      signal,
      ...user.ids,
      input: `${statement}\n`,
    },
  );
  return stdout + stderr;
}

/** Removes what an initialisation that was cut off has left beside the data folder. */
async function removeCutOff(dataFolder: string): Promise<void> {
  const parent = dirname(dataFolder);
  for (const entry of await readdir(parent)) {
    if (entry.startsWith(`${basename(dataFolder)}.partial-`)) {
      await rm(join(parent, entry), { recursive: true, force: true });
    }
  }
}

/** How to run the server on an initialised data folder. */
export function serverPlan(
  database: DatabaseService,
  server: ServerRecord,
  port: number,
  dataFolder: string,
  user: ServerUser,
): LaunchPlan {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: server.socketFolder,
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '%m [%p] ',
    log_timezone: 'UTC',
  };
  return {
    program: join(server.programs, 'postgres'),
    args: [
      '-D',
      dataFolder,
      ...serverArguments(database),
      // After the project's own, since the last one counts.
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: '/',
    env: {
      ...SERVER_ENVIRONMENT,
      ...(database.service.environment.TZ ? { TZ: database.service.environment.TZ } : {}),
    },
    ids: user.ids,
    fingerprint: [server.version],
  };
}

/** A private folder for the local socket, the recorded one if it is still there and the server's. */
export async function makeSocketFolder(
  recorded: string | undefined,
  user: ServerUser,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  if (recorded) {
    const found = await stat(recorded).catch(() => undefined);
    if (found?.isDirectory() && found.uid === (user.ids.uid ?? process.getuid?.())) return recorded;
  }
  const folder = await mkdtemp(join(env.TMPDIR || tmpdir(), 'invctl-'));
  await giveTo(user, folder);
  return folder;
}

/**
 * Removes a lock file whose process id belongs to something else by now. PostgreSQL itself refuses to start where
 * a process of that id lives and is of its own user, as happens after a reboot. To be called when no process of
 * the cluster is left.
 */
export async function removeStaleLockFile(dataFolder: string): Promise<void> {
  const pid = lockFileOwner(dataFolder);
  if (pid !== undefined && !isPostmaster(pid, dataFolder)) {
    await rm(join(dataFolder, 'postmaster.pid'), { force: true });
  }
}

/** The server that runs on a data folder by its own lock file, whoever started it. */
export function postmasterOf(dataFolder: string): number | undefined {
  const pid = lockFileOwner(dataFolder);
  return pid !== undefined && isPostmaster(pid, dataFolder) ? pid : undefined;
}

function lockFileOwner(dataFolder: string): number | undefined {
  const file = join(dataFolder, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return Number.isNaN(pid) ? undefined : pid;
}

function isPostmaster(pid: number, dataFolder: string): boolean {
  return commandLine(pid)?.includes(` -D ${dataFolder} `) ?? false;
}

async function giveTo({ ids }: ServerUser, path: string): Promise<void> {
  if (ids.uid !== undefined) await chown(path, ids.uid, ids.gid);
}

/** The image's own words. */
function noPasswordError(): UserError {
  return new UserError({
    code: 'DATABASE_PASSWORD_MISSING',
    message:
      'Database is uninitialized and superuser password is not specified. You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.',
    hint: 'invctl init      (makes secrets/db_password.txt), and set POSTGRES_PASSWORD_FILE in the compose file',
    exitCode: ExitCode.projectInvalid,
  });
}
