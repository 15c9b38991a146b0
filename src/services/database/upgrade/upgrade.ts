import { readFile, stat } from 'node:fs/promises';
import { openArchive } from '../../../backup/archive.js';
import type { Archive } from '../../../backup/archive-kinds.js';
import { readIdentities } from '../../../backup/encryption.js';
import { formatManifest, type Manifest, manifestPath } from '../../../backup/manifest.js';
import { openTrials } from '../../../engine/open-trials.js';
import { UserError } from '../../../errors.js';
import { runningServices } from '../../../postgres/clients.js';
import { type Database, findDatabase } from '../../../postgres/database.js';
import { readProperties } from '../../../postgres/database-properties.js';
import { withSession } from '../../../postgres/open-session.js';
import { applyEdits } from '../../../project/compose-text.js';
import { appService } from '../../../project/service-roles.js';
import { writeFileAtomic } from '../../../system/files.js';
import { withProjectLock } from '../../../system/lock.js';
import { timeId } from '../../../system/time-id.js';
import type { ServiceContext } from '../../context.js';
import { perform } from '../../operation.js';
import { type Backup, backupToFile } from '../backup.js';
import { dumpRoles, loadRoles, nextTransaction } from './cluster.js';
import type { MajorChange } from './compose-edit.js';
import { finishUpgrade } from './finish.js';
import {
  holdJobs,
  loadBackup,
  type NewServer,
  releaseJobs,
  settle,
  startNewServer,
  tryApp,
} from './new-server.js';
import { stopUnchanged } from './old-server-stop.js';
import { upgradeOperation } from './operation.js';
import { moveDatabases } from './other-databases.js';
import { planUpgrade, type UpgradePlan } from './plan.js';
import { assertProtectable, movingProtection } from './protection.js';
import { revertUpgrade } from './revert.js';
import type { FileEdit, UpgradeState, UpgradeStep } from './state.js';

export interface UpgradePreview {
  from: number;
  to: number;
  change: MajorChange;
  /** Services that are stopped from the backup to the end. */
  stops: string[];
}

export interface UpgradeInput {
  /** Major version to upgrade to. */
  to: number;
  /** Do everything except the switch, while the app keeps running, and leave nothing behind. */
  rehearse: boolean;
  /** Test the app on the new server before the switch. */
  smokeTest: boolean;
  /** Asks for confirmation before anything is done; throws to stop. */
  confirm: (preview: UpgradePreview) => Promise<void>;
  /** Asks for confirmation when the image is not on this machine; throws to stop. */
  confirmPull: (image: string) => Promise<void>;
  onProgress?: (step: UpgradeStep, bytes: number, expected?: number) => void;
}

export interface Upgraded {
  rehearsed: boolean;
  from: number;
  to: number;
  image: { before: string; after: string };
  /** The engine's names. The old volume stays until `finalize`; after a rehearsal the new one is removed. */
  volume: { before: string; after: string };
  /** Absolute path of the compose file. */
  file: string;
  /** Path of the backup; absent after a rehearsal, which keeps none. */
  backup?: string;
  tables: { name: string; rows: number }[];
  /** The app that was tested on the new server. */
  smokeTested?: string;
  /** Seconds that the app was, or would have been, without its database. */
  downSeconds: number;
  /** Every second can be brought back: on the new server, what it could be on the old one. */
  protected: boolean;
}

/**
 * Moves the database to a server of a later major version on a volume of its own: backup, restore, comparison
 * of all content, a test of the app, and only then the compose file. The old volume stays as it was. Any
 * failure, and Ctrl-C, reverts everything.
 *
 * @throws UserError those of the plan (see {@link planUpgrade}) and of the backup;
 * RESTORE_INCOMPLETE (exit 8), SMOKE_TEST_FAILED and NOT_HEALTHY (exit 6), DATABASE_CHANGED.
 */
export async function upgrade(context: ServiceContext, input: UpgradeInput): Promise<Upgraded> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl db upgrade', signal: context.signal }, async () =>
    upgradeDatabase(context, await findDatabase(engine, location), input),
  );
}

async function upgradeDatabase(
  context: ServiceContext,
  database: Database,
  input: UpgradeInput,
): Promise<Upgraded> {
  const plan = await planUpgrade(context, database, input.to, input.confirmPull);
  const live = { ...database, engine: plan.engine };
  // Asked for before anything is stopped: the encrypted backup has to be read again.
  const identities = live.settings.backup.encryptTo ? await readIdentities(context, live) : undefined;
  const { change } = plan;
  const services = await runningServices(live);
  const clients = services.filter((name) => name !== live.service.name);
  const { from, to } = plan.move;
  await input.confirm({ from, to, change, stops: clients });
  const state = await newState(live, plan, services, input.rehearse);
  const app = input.smokeTest ? appToTry(context, live, services) : undefined;
  const onStep = (step: UpgradeStep | 'revert') => {
    if (step !== 'revert') input.onProgress?.(step, 0);
  };
  return perform(upgradeOperation, context, { id: state.id, state, subject: live, onStep }, async (run) => {
    const begin = async (step: UpgradeStep) => {
      context.signal.throwIfAborted();
      await run.begin(step);
    };
    await begin('server');
    const server = await startNewServer(context, live, plan, state, app);
    if (state.protection) await assertProtectable(context, server.database);

    await begin('backup');
    const started = Date.now();
    if (!input.rehearse && clients.length > 0) await live.engine.stop(live.location, clients);
    const session = { applicationName: 'invctl db upgrade', signal: context.signal };
    const [written, ofLive] = await withSession(live, session, async (one) => [
      await nextTransaction(one),
      await readProperties(one),
    ]);
    const backup = await takeBackup(context, live, input);
    state.backup = backup.file;

    await begin('load');
    const roles = await dumpRoles(context, live);
    await loadRoles(context, roles, server.database);
    await holdJobs(context, server);
    const { manifest } = backup;
    const archive = await openArchive(backup.file, {
      identities: async () => identities ?? readIdentities(context, live),
      processes: context.processes,
    });
    const loaded = await loadProved(context, server, { ...archive, manifest }, ofLive, input);

    const { aside, others } = plan.server;
    const move = () => moveDatabases(context, live, server.database, others);
    let databases = await move();

    await begin('smoke');
    if (app !== undefined) {
      await tryApp(context, server, loaded, app, ofLive);
      // The smoke test may have changed these databases on the new server, so they are moved again.
      databases = await move();
    }
    await releaseJobs(context, server);
    await settle(context, server, loaded, ofLive);
    if (input.rehearse) {
      const downSeconds = (Date.now() - started) / 1000;
      await revertUpgrade(context, live, state);
      return report(state, change, manifest, app, downSeconds);
    }
    const trials = await openTrials(live.engine, context);
    await trials.release(live.location, state.trial, live.service.name, change.volume.after);

    await begin('switch');
    const own = { name: live.name, facts: manifest };
    await stopUnchanged(context, live, { written, roles, aside, databases: [own, ...databases] });
    if (state.receiver) await editComposeFile(state.receiver);
    await editComposeFile(state);
    await finishUpgrade(context, live, run);
    return { ...report(state, change, manifest, app, (Date.now() - started) / 1000), backup: backup.file };
  });
}

/** @param services that run, the database first */
async function newState(
  live: Database,
  plan: UpgradePlan,
  services: string[],
  rehearse: boolean,
): Promise<UpgradeState> {
  const now = timeId(new Date());
  const { move, change, server } = plan;
  return {
    // A backup has its own journal entry.
    id: `${now}-upgrade`,
    from: move.from,
    to: move.to,
    rehearse,
    trial: `${live.location.name}-upgrade-${now.toLowerCase()}`,
    file: change.file,
    edits: change.edits,
    ...(change.receiver ? { receiver: { file: change.receiver.file, edits: change.receiver.edits } } : {}),
    volume: { before: change.volume.before.name, after: change.volume.after.name },
    left: {
      image: change.image.before,
      target: change.volume.before.target,
      dataDirectory: server.dataDirectory,
      aside: server.aside,
    },
    ...(await movingProtection(live, plan, services)),
  };
}

/**
 * Loads the backup into the new server, which verifies it to level 3, and records that in its manifest.
 * @returns the name of the loaded database
 */
async function loadProved(
  context: ServiceContext,
  server: NewServer,
  archive: Archive & { manifest: Manifest },
  wanted: Manifest['database'],
  { onProgress }: Pick<UpgradeInput, 'onProgress'>,
): Promise<string> {
  const loaded = await loadBackup(context, server, archive, wanted, timeId(new Date()), (bytes) =>
    onProgress?.('load', bytes, archive.bytes),
  );
  const verification = { level: 3, at: new Date().toISOString() };
  const manifest = formatManifest({ ...archive.manifest, verification });
  await writeFileAtomic(manifestPath(archive.file), manifest, 0o600);
  return loaded;
}

function report(
  state: UpgradeState,
  { image }: MajorChange,
  { tables }: Manifest,
  app: string | undefined,
  downSeconds: number,
): Upgraded {
  return {
    rehearsed: state.rehearse,
    from: state.from,
    to: state.to,
    image,
    volume: state.volume,
    file: state.file,
    tables: tables.map(({ name, rows }) => ({ name, rows })),
    ...(app === undefined ? {} : { smokeTested: app }),
    downSeconds,
    protected: state.protection !== undefined,
  };
}

/** The app, if it runs and a second instance can run beside it. */
function appToTry(context: ServiceContext, live: Database, running: readonly string[]): string | undefined {
  const skip = (why: string) => {
    context.warn(`no app is tried on the new server: ${why}`);
    return undefined;
  };
  try {
    const app = appService(live.project, live.settings.services);
    if (!running.includes(app.name)) return skip(`"${app.name}" does not run`);
    if (app.networkMode !== undefined) {
      return skip(`"${app.name}" has network_mode: ${app.networkMode}, and would find the old server`);
    }
    return app.name;
  } catch (error) {
    if (error instanceof UserError) return skip(error.message);
    throw error;
  }
}

async function takeBackup(context: ServiceContext, live: Database, input: UpgradeInput): Promise<Backup> {
  return backupToFile(context, live, {
    level: 1,
    hashContent: true,
    onProgress: ({ bytes, expected }) => input.onProgress?.('backup', bytes, expected),
  });
}

async function editComposeFile({ file, edits }: FileEdit): Promise<void> {
  const [text, { mode }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
  const edited = applyEdits(text, edits);
  if (edited === undefined) {
    throw new UserError({
      code: 'COMPOSE_CHANGED',
      message: 'the compose file was changed during the upgrade',
      hint: 'the same command again',
      file,
    });
  }
  await writeFileAtomic(file, edited, mode & 0o777);
}
