import { readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { earlierServers, putAside, takeUp } from '../../backup/protection/earlier.js';
import {
  baseFailure,
  type ProtectionRecord,
  protectionPlace,
  readCatalogue,
  readReceiverNote,
  readRecord,
  writeRecord,
} from '../../backup/protection/place.js';
import { openTrials } from '../../engine/open-trials.js';
import { ExitCode, UserError } from '../../errors.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { startDatabase } from '../../postgres/start-database.js';
import { receiverName } from '../../project/receiver.js';
import { formatArgv } from '../../system/argv.js';
import { writeFileAtomic } from '../../system/files.js';
import { withProjectLock } from '../../system/lock.js';
import { randomSecret } from '../../system/random-secret.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { operation, perform, type Run } from '../operation.js';
import { notProtected, protectedThere } from './not-protected.js';
import { emptyPlace, furnishPlace, placeInCompose } from './place.js';
import {
  type ComposeEdit,
  type ReceiverSettings,
  withoutReceiver,
  withReceiver,
} from './receiver-service.js';
import {
  assertDataOutlivesContainer,
  assertPrograms,
  clearServer,
  prepareServer,
  readServer,
  type ServerFacts,
} from './server-side.js';
import { configuredAddress } from './status.js';

const PROTECT_ON = 'db protect on';
const PROTECT_OFF = 'db protect off';

const PASSWORD_BYTES = 24;
const UP_TIMEOUT_MS = 120_000;
/** The receiver asks the server every two seconds. */
const FIRST_WAL_TIMEOUT_MS = 60_000;
const POLL_MS = 250;

const stateSchema = z.object({
  place: z.string(),
  /** True: it was on before, with other settings. */
  already: z.boolean(),
  file: z.string(),
  slotLimitBefore: z.string().nullable(),
  summaries: z.boolean().default(false),
});

type State = z.infer<typeof stateSchema>;

const STEPS = ['server', 'compose', 'receiver', 'base'] as const;

export type ProtectStep = (typeof STEPS)[number];

/** A protection that was on before is brought up again; a new one is reverted. */
export const protectOnOperation = operation({
  name: PROTECT_ON,
  state: stateSchema,
  steps: STEPS,
  reopen,
  finish: {
    applies: async (_context, _database, { state }) => state.already,
    async complete(context, database) {
      await startReceiver(context, database, receiverName(database.service));
      return 'the protection is on';
    },
  },
  async revert(_context, database, { state }) {
    if (state.already) return 'the protection is on, as before';
    await takeBack(database, state);
    return 'the protection is off';
  },
});

/** Always finished: each part can be repeated. */
export const protectOffOperation = operation({
  name: PROTECT_OFF,
  state: stateSchema,
  steps: ['off'],
  final: 'off',
  reopen,
  finish: {
    applies: async () => true,
    async complete(_context, database, { state }) {
      await takeBack(database, state);
      return 'the protection is off';
    },
  },
  revert: async () => 'the protection is as it was',
});

async function reopen(context: ServiceContext): Promise<Database> {
  const database = await findDatabase(await context.engine(), context.project());
  await startDatabase(context, database);
  return database;
}

export interface ProtectInput extends ReceiverSettings {
  /** Asks for confirmation before anything is changed; throws to stop. */
  confirm: (edit: ComposeEdit) => Promise<void>;
  onStep?: (step: ProtectStep | 'revert') => void;
}

export interface Protected {
  place: string;
  file: string;
  service: string;
  /** Name of the newest base backup. */
  base: string;
  everySeconds: number;
  keepSeconds: number;
  /** Where copies are to go; undefined: invctl.yaml names no place. */
  copyTo: string | undefined;
}

/**
 * Switches the protection on, or changes its settings: a role, a line of pg_hba.conf, a limit for what a slot
 * keeps, the receiver's service, and a first base backup. The database keeps running. A failure reverts what
 * was done.
 *
 * @throws UserError PROTECTION_IMPOSSIBLE, PROTECTION_OF_ANOTHER, COMPOSE_NOT_EDITABLE, COMPOSE_INVALID,
 * RECEIVER_FAILED, BASE_FAILED, and what `confirm` throws.
 */
export async function protectOn(context: ServiceContext, input: ProtectInput): Promise<Protected> {
  const remote = context.host?.remote;
  if (remote) throw protectedThere(remote.address.host);
  return changeProtection(context, PROTECT_ON, async (database) => {
    const { location, settings, service, project } = database;
    const place = protectionPlace(location, settings);
    const server = await withMaintenance(database, sessionOptions(context, PROTECT_ON), readServer);
    await assertPrograms(database, server);
    await assertDataOutlivesContainer(database, server);
    const aside = await wasHereBefore(place, server);
    const known = aside ?? (await readRecord(place));
    assertOwnPlace(place, known, server);
    const edit = withReceiver({
      ...input,
      project,
      database: service,
      files: await readFiles(location.files),
      lastFile: location.environment !== undefined,
      place: placeInCompose(location, place),
      user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    });
    // An edit that makes the project invalid could not be taken back either.
    if (edit.before !== edit.after)
      await (await openTrials(database.engine, context)).configWith(location, edit.file, edit.after);
    await input.confirm(edit);
    const already = withoutReceiver(edit.before) !== undefined;
    const record: ProtectionRecord = {
      systemIdentifier: server.systemIdentifier,
      segmentBytes: server.segmentBytes,
      dataDirectory: server.dataDirectory,
      file: edit.file,
      service: receiverName(service),
      slotLimitBefore: known && already ? known.slotLimitBefore : server.slotLimit === '-1' ? '-1' : null,
      summaries: known && already ? known.summaries : server.summaries === 'off',
      ...(known?.after === undefined ? {} : { after: known.after }),
      major: server.major,
      ...(service.image === undefined ? {} : { image: service.image }),
    };
    const { slotLimitBefore, summaries } = record;
    const state: State = { place, already, file: edit.file, slotLimitBefore, summaries };
    const performing = {
      id: `${timeId(new Date())}-protect`,
      state,
      subject: database,
      onStep: (step: ProtectStep | 'revert') => input.onStep?.(step),
    };
    return perform(protectOnOperation, context, performing, async (run) => {
      const base = await carryOut(context, database, {
        edit,
        record,
        server,
        comesBack: aside !== undefined,
        run,
      });
      const { everySeconds, keepSeconds } = input;
      const { copyTo } = settings.backup;
      return {
        place,
        file: edit.file,
        service: record.service,
        base,
        everySeconds,
        keepSeconds,
        copyTo: copyTo === undefined ? undefined : configuredAddress(copyTo),
      };
    });
  });
}

interface Switching {
  edit: ComposeEdit;
  record: ProtectionRecord;
  server: ServerFacts;
  /** True: the place is that of another server now, and has what was received from this one. */
  comesBack: boolean;
  run: Run<State, ProtectStep>;
}

/** @returns name of the newest base. */
async function carryOut(
  context: ServiceContext,
  database: Database,
  { edit, record, server, comesBack, run }: Switching,
): Promise<string> {
  const { place } = run.state;
  const begin = async (step: ProtectStep) => {
    context.signal.throwIfAborted();
    await run.begin(step);
  };
  await begin('server');
  const password = randomSecret(PASSWORD_BYTES);
  if (comesBack) await changeServer(database, place, record);
  await furnishPlace(place, password);
  await writeRecord(place, record);
  await withMaintenance(database, sessionOptions(context, PROTECT_ON), (session) =>
    prepareServer(database, session, server, password),
  );
  await begin('compose');
  await writeEdit(edit.file, edit.after);
  await begin('receiver');
  await startReceiving(context, database, place, record.service);
  await begin('base');
  return firstBase(context, place, record);
}

/**
 * Starts the receiver and waits until it receives.
 * @throws UserError RECEIVER_FAILED (exit 6)
 */
export async function startReceiving(
  context: ServiceContext,
  database: Database,
  place: string,
  service: string,
): Promise<void> {
  await startReceiver(context, database, service);
  const started = new Date();
  await until(context, FIRST_WAL_TIMEOUT_MS, async () => {
    const note = await readReceiverNote(place);
    if (note?.state === 'receiving' && note.at >= started) return true;
    return { why: note?.message || `invctl logs ${service}` };
  });
}

/** The record of a server whose upgrade was undone by hand; undefined: it is the present one, or unknown. */
async function wasHereBefore(
  place: string,
  { systemIdentifier }: ServerFacts,
): Promise<ProtectionRecord | undefined> {
  const earlier = await earlierServers(place);
  return earlier.find(({ record }) => record.systemIdentifier === systemIdentifier)?.record;
}

/** Puts what was received from the present server aside, and takes up what was received from another. */
async function changeServer(
  { engine, location }: Database,
  place: string,
  { service, systemIdentifier }: ProtectionRecord,
): Promise<void> {
  await engine.stop(location, [service]);
  const present = await readRecord(place);
  if (present) await putAside(place, present.systemIdentifier);
  await takeUp(place, systemIdentifier);
}

async function startReceiver(
  context: ServiceContext,
  { engine, location }: Database,
  service: string,
): Promise<void> {
  const { failed } = await engine.up(
    location,
    { services: [service], wait: true, recreate: true, timeoutMs: UP_TIMEOUT_MS, signal: context.signal },
    () => {},
  );
  if (failed.length === 0) return;
  throw new UserError({
    code: 'RECEIVER_FAILED',
    message: `the service ${service} does not run (${failed.map(({ reason }) => reason).join(', ')})`,
    hint: `invctl logs ${service}`,
    exitCode: ExitCode.unhealthy,
  });
}

/**
 * Waits for the first base backup, which the receiver takes by itself. An existing base is enough if the WAL
 * continues from it.
 */
async function firstBase(context: ServiceContext, place: string, record: ProtectionRecord): Promise<string> {
  for (;;) {
    const { bases } = await readCatalogue(place, record);
    const newest = bases.at(-1);
    const wanted = await stat(`${place}/state/base-wanted`).catch(() => undefined);
    if (newest && !wanted) return newest.id;
    const failure = await baseFailure(place);
    if (failure !== undefined) {
      throw new UserError({
        code: 'BASE_FAILED',
        message: `the base backup failed: ${failure}`,
        hint: 'df -h, then: invctl db protect on',
      });
    }
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

async function until(
  context: ServiceContext,
  timeoutMs: number,
  look: () => Promise<true | { why: string }>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found === true) return;
    if (Date.now() > deadline) {
      throw new UserError({
        code: 'RECEIVER_FAILED',
        message: `the receiver gets no WAL: ${found.why}`,
        hint: 'invctl doctor',
        exitCode: ExitCode.unhealthy,
      });
    }
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

export interface Unprotected {
  /** Absent: the compose file had no receiver. */
  file?: string;
  /** What was received stays here. */
  place: string;
  service: string;
}

/**
 * Switches the protection off: removes the service, the compose file's lines, the slot, the role, the line of
 * pg_hba.conf and the limit. What was received stays.
 *
 * @throws UserError NOT_PROTECTED, and what `confirm` throws.
 */
export async function protectOff(
  context: ServiceContext,
  input: { confirm: (edit: ComposeEdit | undefined, place: string) => Promise<void> },
): Promise<Unprotected> {
  return changeProtection(context, PROTECT_OFF, async (database) => {
    const { location, settings, service } = database;
    const place = protectionPlace(location, settings);
    const record = await readRecord(place);
    const inEnvironment = location.environment !== undefined;
    const files = await readFiles(location.files);
    // An environment has its lines in its last file: those of the others are of another environment.
    const own = inEnvironment ? files.slice(-1) : files;
    const found = own.findLast(({ text }) => withoutReceiver(text) !== undefined);
    if (!record && (inEnvironment || !found)) throw notProtected(location);
    // The slot, the role and the rest are in the server, so it has to run.
    await withMaintenance(database, sessionOptions(context, PROTECT_OFF), readServer);
    const edit = found && {
      file: found.file,
      before: found.text,
      after: withoutReceiver(found.text) as string,
    };
    await input.confirm(edit, place);
    const state: State = {
      place,
      already: false,
      file: found?.file ?? record?.file ?? '',
      slotLimitBefore: record?.slotLimitBefore ?? null,
      summaries: record?.summaries ?? false,
    };
    const performing = { id: `${timeId(new Date())}-protect`, state, subject: database };
    await perform(protectOffOperation, context, performing, async (run) => {
      await run.begin('off');
      await takeBack(database, state);
    });
    return { ...(edit ? { file: edit.file } : {}), place, service: receiverName(service) };
  });
}

/** Can be repeated at any point. It cannot be interrupted. */
async function takeBack(database: Database, state: State): Promise<void> {
  const { engine, location, service } = database;
  const name = receiverName(service);
  const text = await readFile(state.file, 'utf8');
  const bare = withoutReceiver(text);
  if (bare !== undefined) {
    if (name in (await engine.resolve(location)).services)
      await engine.remove(location, [name], { stop: true });
    await writeEdit(state.file, bare);
  }
  await withMaintenance(database, { applicationName: PROTECT_OFF }, (session) =>
    clearServer(database, session, state),
  );
  await emptyPlace(state.place);
  const record = await readRecord(state.place);
  const empty =
    record &&
    (await readCatalogue(state.place, record)).bases.length === 0 &&
    (await earlierServers(state.place)).length === 0;
  // Without a base, what was received cannot be used.
  if (empty) await rm(state.place, { recursive: true, force: true });
}

async function writeEdit(file: string, text: string): Promise<void> {
  const { mode } = await stat(file);
  await writeFileAtomic(file, text, mode & 0o777);
}

async function readFiles(files: readonly string[]): Promise<{ file: string; text: string }[]> {
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })));
}

function assertOwnPlace(place: string, known: ProtectionRecord | undefined, server: ServerFacts): void {
  if (!known || known.systemIdentifier === server.systemIdentifier) return;
  throw new UserError({
    code: 'PROTECTION_OF_ANOTHER',
    message: `${place} has the base backups and the WAL of another server (${known.systemIdentifier}; this one is ${server.systemIdentifier}): the two would spoil each other`,
    hint: `where the volume of the database was lost, bring it back:  invctl db restore --to latest\nwhere this server is to be protected in its place, keep them elsewhere:  ${formatArgv(['mv', place, `${place}-${known.systemIdentifier}`])}      (or name another backup.folder in invctl.yaml)`,
    file: place,
  });
}

function sessionOptions(context: ServiceContext, applicationName: string) {
  return { applicationName: `invctl ${applicationName}`, signal: context.signal };
}

async function changeProtection<T>(
  context: ServiceContext,
  command: string,
  change: (database: Database) => Promise<T>,
): Promise<T> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: `invctl ${command}`, signal: context.signal }, async () =>
    change(await findDatabase(engine, location)),
  );
}
