import { z } from 'zod';
import { type Base, type Catalogue, planBefore } from '../../backup/protection/catalogue.js';
import { earlierServers } from '../../backup/protection/earlier.js';
import { type DrillNote, writeDrillNote } from '../../backup/protection/notes.js';
import {
  type ProtectionRecord,
  protectionPlace,
  readCatalogue,
  readRecord,
} from '../../backup/protection/place.js';
import { openTrials } from '../../engine/open-trials.js';
import type { BesideInput } from '../../engine/trials.js';
import { ExitCode, UserError } from '../../errors.js';
import { runningServices, startAgain } from '../../postgres/clients.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import type { DatabaseFacts as Facts } from '../../postgres/database-facts.js';
import { countRows } from '../../postgres/facts.js';
import { imageOfMajor, postgresImage } from '../../postgres/image.js';
import { withSession } from '../../postgres/open-session.js';
import { waitingBriefly, withMaintenance } from '../../postgres/server-sessions.js';
import type { SessionOptions } from '../../postgres/session.js';
import { startDatabase } from '../../postgres/start-database.js';
import { allEnded } from '../../system/all-ended.js';
import { withProjectLock } from '../../system/lock.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { compareRows, type Restored, type RowDifference } from '../database/restored.js';
import { operation, perform, type Run } from '../operation.js';
import { checkFiles } from './check-files.js';
import { type Choice, choose } from './choose.js';
import { chooseFromCopies, type Found, firstFound } from './copies.js';
import {
  assertRoomBeside,
  keepPrevious,
  type RestoreFolders,
  removeFolder,
  restoreFolders,
  swapFiles,
  unswapFiles,
} from './data-files.js';
import { findCommit } from './history.js';
import { letReceiverIn } from './let-in.js';
import { sayMoment, type Target } from './moment.js';
import { notProtected } from './not-protected.js';
import {
  inScratch,
  openBeside,
  recoverBeside,
  removeWalFolder,
  type ScratchServer,
  transactionNotFound,
} from './scratch-server.js';
import { stopBeforeDrop } from './stop-before-drop.js';
import { compareServers, type ServerDifference } from './whole-server.js';

const RESTORE_TO = 'db restore --to';
/** In bytes: a segment of WAL. */
const ROOM_TO_START = 16 * 1024 * 1024;

/** The state of a second server beside the live one. */
export const besideSchema = z.object({
  /** Name of the trial project. */
  trial: z.string(),
  folders: z.object({ data: z.string(), incoming: z.string(), previous: z.string() }),
  /** True: this restore created the incoming files, so a revert removes them. */
  made: z.boolean(),
  /** Services that ran before, the database first. */
  services: z.array(z.string()),
});

type State = z.infer<typeof besideSchema>;

const STEPS = ['recover', 'swap', 'restart'] as const;
type RestoreToRun = Run<State, (typeof STEPS)[number]>;

/** After the swap the restore is finished; before it, it is reverted. */
export const restoreToOperation = operation({
  name: RESTORE_TO,
  state: besideSchema,
  steps: STEPS,
  final: 'restart',
  reopen: async (context) => findDatabase(await context.engine(), context.project()),
  finish: {
    applies: async (_context, _database, { step }) => step === 'restart',
    async complete(context, database, { state }) {
      await removeTrial(context, database, state);
      await startServices(context, database, state.services);
      await letReceiverIn(context, database);
      return `${database.name} is as it was brought back`;
    },
  },
  async revert(context, database, { state }) {
    await takeBack(context, database, state);
    return `${database.name} is as it was before the restore`;
  },
});

export type RestoreToStep =
  | 'fetch'
  | 'check'
  | 'unpack'
  | 'recover'
  | 'compare'
  | 'settle'
  | 'swap'
  | 'restart';

export interface RestoreToPreview {
  /** The moment that was asked for; null: the latest, or before a transaction. */
  moment: Date | null;
  /** When the last restored transaction was committed; null: none since the base backup. */
  lastCommit: Date | null;
  database: string;
  rows: RowDifference[];
  /** False: the live database cannot be counted. */
  compared: boolean;
  /** What else changes in the server; undefined: the live one cannot be read. */
  server: ServerDifference | undefined;
}

export interface RestoreToInput {
  target: Target;
  confirm: (preview: RestoreToPreview) => Promise<void>;
  onStep?: (step: RestoreToStep) => void;
}

export interface RestoredTo extends Restored {
  moment: Date | null;
  lastCommit: Date | null;
}

/**
 * Restores a moment: makes a server of a base backup and the WAL up to that moment, beside the live one, and
 * checks it; then the two servers' files change places. The previous files stay for `undoRestoreTo`. A
 * failure before the swap leaves the live server untouched.
 *
 * @throws UserError NOT_PROTECTED, TARGET_OUTSIDE, TARGET_BEFORE_UPGRADE, of {@link recoverBeside}, and what
 * `confirm` throws.
 */
export async function restoreTo(context: ServiceContext, input: RestoreToInput): Promise<RestoredTo> {
  return withFoundDatabase(context, RESTORE_TO, async (database) => {
    const { id, state, moment, base, earlier, recover } = await planBeside(context, database, input);
    if (earlier) throw beforeUpgrade(earlier, input.target);
    state.services = await runningServices(database);
    return perform(restoreToOperation, context, { id, state, subject: database }, async (run) => {
      await run.begin('recover');
      const scratch = await recover();
      input.onStep?.('compare');
      const [after, before] = await allEnded([
        inScratch(context, scratch, () => countIn(context, scratch.database)),
        countLive(context, database),
      ]);
      const rows = compareRows(before ?? [], after);
      const server = await inScratch(context, scratch, () =>
        compareServers(context, database, scratch.database, sessionOptions(context)),
      );
      const { lastCommit } = scratch;
      await input.confirm({
        moment,
        lastCommit,
        database: database.name,
        rows,
        compared: before !== undefined,
        server,
      });
      input.onStep?.('settle');
      await inScratch(context, scratch, () => settle(context, scratch, state.folders.data));
      const swapped = await swap(context, database, scratch, run, input);
      return {
        from: base.folder,
        moment,
        lastCommit,
        restored: database.name,
        rows,
        restarted: state.services,
        ...swapped,
      };
    });
  });
}

export interface Drill {
  moment: Date | null;
  lastCommit: Date | null;
  base: string;
  tables: Facts['tables'];
  /** False: the image has no pg_amcheck, or it cannot be used. */
  amcheck: boolean;
}

/** Does all of {@link restoreTo} except the swap: keeps nothing but a note of the result. */
export async function drill(
  context: ServiceContext,
  input: Pick<RestoreToInput, 'target' | 'onStep'>,
): Promise<Drill> {
  return withFoundDatabase(context, 'db verify --to', async (database) => {
    const place = protectionPlace(database.location, database.settings);
    const started = performance.now();
    const note = async (result: Pick<DrillNote, 'base' | 'rows' | 'failure'>) => {
      const seconds = Math.round((performance.now() - started) / 100) / 10;
      if (await readRecord(place))
        await writeDrillNote(place, { ...result, seconds, at: new Date().toISOString() });
    };
    try {
      const result = await drillIn(context, database, input);
      const rows = result.tables.reduce((sum, table) => sum + table.rows, 0);
      await note({ base: result.base, rows, failure: null });
      return result;
    } catch (error) {
      // A refused request is not a failed trial: it is not recorded.
      const tells =
        error instanceof UserError &&
        !['NOT_PROTECTED', 'PROTECTION_NOT_HERE', 'TARGET_OUTSIDE'].includes(error.code);
      if (tells && !context.signal.aborted) await note({ base: null, rows: 0, failure: error.message });
      throw error;
    }
  });
}

async function drillIn(
  context: ServiceContext,
  database: Database,
  input: Pick<RestoreToInput, 'target' | 'onStep'>,
): Promise<Drill> {
  const { id, state, moment, base, recover } = await planBeside(context, database, input);
  return perform(restoreToOperation, context, { id, state, subject: database }, async (run) => {
    await run.begin('recover');
    const scratch = await recover();
    input.onStep?.('compare');
    const found = await inScratch(context, scratch, async () => {
      const tables = await countIn(context, scratch.database);
      return { tables, amcheck: await checkFiles(context, scratch.database) };
    });
    await takeBack(context, database, state);
    return { moment, lastCommit: scratch.lastCommit, base: base.id, ...found };
  });
}

/** Puts the files that a restore kept back in place; the current files are kept in turn. */
export async function undoRestoreTo(
  context: ServiceContext,
  database: Database,
  previousId: string,
  input: Pick<RestoreToInput, 'onStep'> & { confirm: () => Promise<void> },
): Promise<Restored> {
  const folders = await undoFolders(database, previousId);
  const id = timeId(new Date());
  const state: State = {
    trial: trialName(database, id),
    folders,
    made: false,
    services: await runningServices(database),
  };
  await input.confirm();
  return perform(restoreToOperation, context, { id, state, subject: database }, async (run) => {
    await run.begin('recover');
    const beside = await openBeside(context, database, {
      name: state.trial,
      dataDirectory: folders.data,
      folder: folders.incoming,
    });
    const swapped = await swap(context, database, beside, run, input);
    return {
      from: folders.incoming,
      restored: database.name,
      rows: [],
      restarted: state.services,
      ...swapped,
    };
  });
}

/** A second server that is to be made of a base and WAL. */
export interface PlannedServer {
  id: string;
  /** For the journal; without services that have to be started again. */
  state: State;
  /** The moment that was asked for; null: the latest, or before a transaction. */
  moment: Date | null;
  base: Base;
  /** The server that an upgrade has replaced since; undefined: the moment is of the present one. */
  earlier: (BesideInput['server'] & {}) | undefined;
  /** As {@link recoverBeside}. */
  recover(): Promise<ScratchServer>;
}

/**
 * Finds what a target is restored from, fetches from the copies what is not here, and names the server that
 * is made of it.
 * @throws UserError NOT_PROTECTED, TARGET_NOT_FOUND, DATABASE_MAJOR_MISMATCH, and of {@link choose}
 */
export async function planBeside(
  context: ServiceContext,
  database: Database,
  { target, onStep }: { target: Target; onStep?: ((step: RestoreToStep) => void) | undefined },
): Promise<PlannedServer> {
  const { record, catalogue, choice: chosen, ...found } = await find(context, database, target, onStep);
  if (!found.server) assertMajor(database, record);
  const choice = await stopBeforeDrop(context, database, found.place, chosen, record.segmentBytes);
  const live = catalogue.live.at(-1)?.timeline === choice.plan.timeline;
  const newest = choice.plan.segments.at(-1);
  const reachesEnd = catalogue.runs
    .flatMap((run) => run.segments)
    .every(({ timeline, number }) => timeline !== newest?.timeline || number <= newest.number);
  const expectedEnd = live && reachesEnd ? catalogue.end : undefined;
  context.signal.throwIfAborted();
  const id = timeId(new Date());
  const folders = restoreFolders(found.dataDirectory, id);
  const state: State = { trial: trialName(database, id), folders, made: true, services: [] };
  return {
    id,
    state,
    moment: target.kind === 'moment' ? target.at : null,
    base: choice.plan.base,
    earlier: found.server,
    recover: () =>
      recoverBeside(context, database, {
        place: found.place,
        record,
        ...choice,
        folders,
        name: state.trial,
        ...(found.server ? { server: found.server } : {}),
        ...(expectedEnd === undefined ? {} : { expectedEnd }),
        ...(onStep ? { onStep } : {}),
      }),
  };
}

/**
 * The second server is of the image that the compose file names, which somebody may have changed by hand. The
 * embedded engine goes by the data, whatever the image.
 */
function assertMajor({ engine, service }: Database, { major }: ProtectionRecord): void {
  const named = postgresImage(service.image)?.major;
  if (engine.kind !== 'docker' || major === undefined || named === undefined || named === major) return;
  const image = imageOfMajor(service.image ?? '', named, major) ?? `one of PostgreSQL ${major}`;
  throw new UserError({
    code: 'DATABASE_MAJOR_MISMATCH',
    message: `the image of "${service.name}" is of PostgreSQL ${named}, and what can be brought back is of ${major}: a server reads the files of its own major only`,
    hint: `set image: ${image} again, then the same command${major < named ? `      (to move over after that: invctl db upgrade --to ${named})` : ''}`,
    exitCode: ExitCode.projectInvalid,
    details: { dataMajor: major, foundMajor: named },
  });
}

/** Looks here and, if that is not enough, at the servers before an upgrade, and among the copies. */
async function find(
  context: ServiceContext,
  database: Database,
  target: Target,
  onStep: ((step: 'fetch') => void) | undefined,
): Promise<Found> {
  const place = protectionPlace(database.location, database.settings);
  const record = await readRecord(place);
  const here = record && (await readCatalogue(place, record));
  const chosenIn = (folder: string) => async (catalogue: Catalogue) =>
    target.kind === 'before'
      ? chooseBefore(context, database, folder, catalogue, target.transaction)
      : choose(catalogue, target);
  const ofHere = async (): Promise<Found> => {
    if (!record || !here) throw notProtected(database.location);
    const { dataDirectory } = record;
    return { place, record, catalogue: here, choice: await chosenIn(place)(here), dataDirectory };
  };
  const ofEarlier = async () => record && findEarlier(place, record, target, chosenIn);
  const away = async () => {
    onStep?.('fetch');
    // The latest moment is of the present server.
    const how = { everything: target.kind === 'before', earlier: target.kind !== 'latest' };
    return chooseFromCopies(context, database, { place, record, here, chosenIn, ...how });
  };
  // A number of a transaction may be that of another one on a server before. Where nothing leads to a moment,
  // the present server says again what does.
  const others = target.kind === 'moment' ? [ofEarlier, ofHere, away] : [away, ofEarlier];
  const found = await firstFound<Found>([ofHere, ...others]);
  if (!found) throw notProtected(database.location);
  return found;
}

/** What leads to a target on a server that an upgrade has replaced since. */
async function findEarlier(
  place: string,
  { dataDirectory }: ProtectionRecord,
  target: Target,
  chosenIn: (folder: string) => (catalogue: Catalogue) => Promise<Choice>,
): Promise<Found | undefined> {
  if (target.kind === 'latest') return undefined;
  const servers = await earlierServers(place);
  return firstFound(
    servers.map(({ folder, record }) => async (): Promise<Found | undefined> => {
      const { major, image } = record;
      if (major === undefined || image === undefined) return undefined;
      const catalogue = await readCatalogue(folder, record);
      const choice = await chosenIn(folder)(catalogue);
      return { place: folder, record, catalogue, choice, dataDirectory, server: { major, image } };
    }),
  );
}

/** The files of one major are nothing to another: only its tables can come into the live server. */
function beforeUpgrade({ major }: BesideInput['server'] & {}, target: Target): UserError {
  const moment =
    target.kind === 'moment' ? sayMoment(target.at) : target.kind === 'before' ? target.transaction : 'that';
  return new UserError({
    code: 'TARGET_BEFORE_UPGRADE',
    message: `${moment} is of the server of PostgreSQL ${major} that was here before: the current server cannot run its files`,
    hint: 'its tables come back into new ones beside the live ones: the same command with --table TABLE, as often as needed',
    details: { major },
  });
}

/**
 * The transaction may be older than a restore, or never have been committed. This is found before anything is
 * created.
 */
async function chooseBefore(
  context: ServiceContext,
  database: Database,
  place: string,
  catalogue: Catalogue,
  transaction: string,
): Promise<Choice> {
  const commit = await findCommit(context, database, place, catalogue, Number(transaction));
  const plan = commit && planBefore(catalogue, commit.lsn);
  if (!commit || !plan) throw transactionNotFound(transaction);
  return {
    plan,
    target: { kind: 'before', transaction: String(commit.transaction) },
    commit: commit.lsn,
  };
}

/**
 * So that the second server is soon stopped. A disk that has filled meanwhile is told before the live server is
 * stopped: it would not start again.
 */
async function settle(context: ServiceContext, scratch: ScratchServer, data: string): Promise<void> {
  await assertRoomBeside(scratch.run, data, ROOM_TO_START);
  await withMaintenance(scratch.database, sessionOptions(context), (session) => session.run('CHECKPOINT;'));
}

/** @returns milliseconds in which nobody could connect, and the folder of the server of before; null: there was none. */
async function swap(
  context: ServiceContext,
  database: Database,
  { trial, run: inData }: Pick<ScratchServer, 'trial' | 'run'>,
  run: RestoreToRun,
  input: Pick<RestoreToInput, 'onStep'>,
): Promise<{ swapMs: number; previous: string | null }> {
  const { state } = run;
  await run.begin('swap');
  // The swap must not be interrupted.
  context.signal.throwIfAborted();
  input.onStep?.('swap');
  const started = performance.now();
  const services = state.services.length > 0 ? state.services : [database.service.name];
  await allEnded([
    stopServices(database, services),
    trial.engine.stop(trial.location, [database.service.name]),
  ]);
  await swapFiles(inData, state.folders);
  await run.begin('restart');
  input.onStep?.('restart');
  const removed = async () => {
    const kept = await keepPrevious(inData, state.folders);
    await removeTrial(context, database, state);
    return kept;
  };
  const served = async () => {
    await startDatabase(context, database);
    return performance.now() - started;
  };
  const [swapMs, kept] = await allEnded([served(), removed()]);
  await letReceiverIn(context, database);
  await startClients(database, state.services);
  return { swapMs, previous: kept ? state.folders.previous : null };
}

/** Stops clients first, so that none of them writes data that would be lost. */
async function stopServices(
  { engine, location, service }: Database,
  services: readonly string[],
): Promise<void> {
  const clients = services.filter((name) => name !== service.name);
  if (clients.length > 0) await engine.stop(location, clients);
  await engine.stop(location, [service.name]);
}

/** A start of the database that was cut off may have left nothing that could be started again. */
async function startServices(
  context: ServiceContext,
  database: Database,
  services: readonly string[],
): Promise<void> {
  if (services.includes(database.service.name)) await startDatabase(context, database);
  await startClients(database, services);
}

async function startClients(database: Database, services: readonly string[]): Promise<void> {
  await startAgain(
    database,
    services.filter((name) => name !== database.service.name),
  );
}

/**
 * Removes a second server, and puts the live one's files and services back as they were. It can be repeated
 * at any point.
 */
export async function takeBack(context: ServiceContext, database: Database, state: State): Promise<void> {
  const calm = uninterrupted(context);
  const { folders } = state;
  const { trial, run } = await openBeside(calm, database, {
    name: state.trial,
    dataDirectory: folders.data,
    folder: folders.incoming,
  });
  await trial.engine.stop(trial.location, []);
  await unswapFiles(run, folders);
  if (state.made) await removeFolder(run, folders.incoming);
  await removeTrial(calm, database, state);
  await startServices(calm, database, state.services);
}

function uninterrupted(context: ServiceContext): ServiceContext {
  return { ...context, signal: new AbortController().signal };
}

async function removeTrial(
  context: ServiceContext,
  { engine, location, settings }: Database,
  state: State,
): Promise<void> {
  const trials = await openTrials(engine, context);
  await trials.remove(location, state.trial);
  await removeWalFolder(protectionPlace(location, settings), state.trial);
}

async function undoFolders(database: Database, previousId: string): Promise<RestoreFolders> {
  const record = await readRecord(protectionPlace(database.location, database.settings));
  if (!record) throw notProtected(database.location);
  const { data, previous: incoming } = restoreFolders(record.dataDirectory, previousId);
  return { data, incoming, previous: restoreFolders(data, timeId(new Date())).previous };
}

async function countIn(context: ServiceContext, database: Database): Promise<Facts['tables']> {
  return withSession(database, sessionOptions(context), countRows);
}

function sessionOptions({ signal }: ServiceContext): SessionOptions {
  return { applicationName: `invctl ${RESTORE_TO}`, signal };
}

/** Undefined when the live database cannot be counted, which must not stop a restore. */
async function countLive(context: ServiceContext, database: Database): Promise<Facts['tables'] | undefined> {
  try {
    return await withSession(database, sessionOptions(context), (session) =>
      waitingBriefly(session, () => countRows(session)),
    );
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    context.warn(`the rows of the live ${database.name} cannot be counted: ${error.message}`);
    return undefined;
  }
}

function trialName({ location }: Database, id: string): string {
  return `${location.name}-restore-${id.toLowerCase()}`;
}

/** @param command as typed, without `invctl`. */
export async function withFoundDatabase<T>(
  context: ServiceContext,
  command: string,
  body: (database: Database) => Promise<T>,
): Promise<T> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: `invctl ${command}`, signal: context.signal }, async () =>
    body(await findDatabase(engine, location)),
  );
}
