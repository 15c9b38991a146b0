import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UserError } from '../../errors.js';
import { receivedFrom } from '../../project/receiver.js';
import { shellWord } from '../../system/argv.js';
import { writeFileAtomic } from '../../system/files.js';
import { PACKAGE_FOLDER } from '../../system/package-folder.js';
import { makeStateFolder } from '../../system/state-root.js';
import type { ReceiverService } from './classify.js';
import { machineEnvironment } from './environment.js';
import type { LaunchPlan } from './launch.js';
import type { EngineRun } from './run.js';
import type { StateStore } from './state.js';

/** Our own programs, which replace those that a bare server lacks. */
const OWN_PROGRAMS = join(PACKAGE_FOLDER, 'dist', 'postgres', 'replication.js');
const PROGRAMS = ['psql', 'pg_receivewal', 'pg_basebackup'];
/** Each look at the server starts a program, and our own programs take longer than psql. */
const OWN_BEAT_SECONDS = 5;

/**
 * As in a container: in a clone of the project the protection's folder is missing, and the stack starts
 * anyway. Where it comes later, it is received into.
 */
const RECEIVE = `[ -f "$0/receiver.sh" ] || echo "not protected on this machine, or a disk is missing: invctl db protect status"
until [ -f "$0/receiver.sh" ]; do sleep 5; done; exec sh "$0/receiver.sh" receive`;

/** Returns the command that replaces the receiver's container. */
export function receiverCommand(place: string): string[] {
  return ['sh', '-c', RECEIVE, place];
}

/**
 * Returns the environment of a receiver's programs: the server of its database, and the programs beside it.
 * Missing programs are replaced by our own of the same name.
 * @throws UserError SERVICE_NOT_RUNNING if the database was never started.
 */
export function receiverEnvironment(
  { store, env }: Pick<EngineRun, 'store' | 'env'>,
  { service, place }: ReceiverService,
): Record<string, string> {
  const database = receivedFrom(service);
  const { server, port } = store.state.services[database] ?? {};
  if (!server || port === undefined) {
    throw new UserError({
      code: 'SERVICE_NOT_RUNNING',
      message: `the service "${service.name}" receives from ${database}, which was never started`,
      hint: `invctl up ${database}`,
    });
  }
  const complete = PROGRAMS.every((name) => existsSync(join(server.programs, name)));
  const machine = machineEnvironment(env);
  const { EVERY, KEEP, PGUSER } = service.environment;
  return {
    ...machine,
    PATH: [complete ? server.programs : store.folders.programs, machine.PATH].join(delimiter),
    PLACE: place,
    PGHOST: server.socketFolder,
    PGPORT: String(port),
    PGUSER: PGUSER ?? '',
    EVERY: EVERY ?? '',
    KEEP: KEEP ?? '',
    // This machine may have no zstd, and unpacking needs it.
    COMPRESSIONS: 'gzip',
    ...(complete ? {} : { BEAT_SECONDS: String(OWN_BEAT_SECONDS) }),
  };
}

/** Returns the launch plan of the receiver. */
export async function receiverPlan(run: EngineRun, receiver: ReceiverService): Promise<LaunchPlan> {
  const { store } = run;
  await writeOwnPrograms(store);
  const [program = 'sh', ...args] = receiverCommand(receiver.place);
  return {
    program,
    args,
    cwd: '/',
    env: receiverEnvironment(run, receiver),
    ids: {},
    fingerprint: [await digestOf(join(receiver.place, 'receiver.sh')), await digestOf(OWN_PROGRAMS)],
  };
}

/** Writes small sh programs that call ours by the names that the script uses. */
async function writeOwnPrograms(store: StateStore): Promise<void> {
  const folder = store.folders.programs;
  await makeStateFolder(folder, 'private');
  const quoted = [process.execPath, OWN_PROGRAMS].map(shellWord);
  for (const name of PROGRAMS) {
    await writeFileAtomic(join(folder, name), `#!/bin/sh\nexec ${quoted.join(' ')} ${name} "$@"\n`, 0o700);
  }
}

async function digestOf(file: string): Promise<string> {
  const content = await readFile(file).catch(() => '');
  return createHash('sha256').update(content).digest('hex');
}
