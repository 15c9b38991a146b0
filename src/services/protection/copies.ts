import { join } from 'node:path';
import { configuredStore } from '../../backup/configured-store.js';
import { readIdentities } from '../../backup/encryption.js';
import { type Catalogue, planEverything, type RecoveryPlan } from '../../backup/protection/catalogue.js';
import {
  type CopiedServer,
  copiedServers,
  fetchPlan,
  readCopied,
  united,
} from '../../backup/protection/copied.js';
import { earlierFolder } from '../../backup/protection/earlier.js';
import { type ProtectionRecord, readCatalogue, readRecord } from '../../backup/protection/place.js';
import type { BesideInput } from '../../engine/trials.js';
import { ExitCode, UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import type { ServiceContext } from '../context.js';
import type { Choice } from './choose.js';

/** What leads to a target. */
export interface Found {
  /** Folder of the bases and WAL: the place, or that of an earlier server in it. */
  place: string;
  record: ProtectionRecord;
  catalogue: Catalogue;
  choice: Choice;
  /** The live server's. */
  dataDirectory: string;
  /** Absent: the moment is of the present server, not of one that an upgrade has replaced since. */
  server?: BesideInput['server'] & {};
}

/** Error codes that mean that something is not here but may be elsewhere. */
const HERE_NO_MORE = [
  'NOT_PROTECTED',
  'PROTECTION_NOT_HERE',
  'NOTHING_TO_BRING_BACK',
  'TARGET_OUTSIDE',
  'TARGET_NOT_FOUND',
];

/**
 * Looks in one place after the other.
 * @returns undefined when nothing is found, and no place says what it has.
 * @throws what the last place throws that has something else.
 */
export async function firstFound<T>(
  places: readonly (() => Promise<T | undefined>)[],
): Promise<T | undefined> {
  let elsewhere: UserError | undefined;
  for (const find of places) {
    try {
      const found = await find();
      if (found) return found;
    } catch (error) {
      if (!(error instanceof UserError && HERE_NO_MORE.includes(error.code))) throw error;
      elsewhere = error;
    }
  }
  if (elsewhere) throw elsewhere;
  return undefined;
}

interface Asked {
  place: string;
  /** Of the server whose files are in the place. */
  record: ProtectionRecord | undefined;
  here: Catalogue | undefined;
  /** Finds what leads to the target in the catalogue of a folder. */
  chosenIn(folder: string): (catalogue: Catalogue) => Promise<Choice>;
  /** True: `chosenIn` reads the WAL, so all of it has to be here first. */
  everything: boolean;
  /** True: also look at servers before an upgrade. */
  earlier: boolean;
}

/**
 * Chooses what leads to a target from what is here and what is in the place of copies, and fetches what is
 * not here.
 *
 * @returns undefined when there are no copies of this server.
 * @throws UserError NOT_PROTECTED, COPIES_UNREACHABLE, COPY_OF_ANOTHER, of `chosenIn`, and of {@link fetchPlan}.
 */
export async function chooseFromCopies(
  context: ServiceContext,
  database: Database,
  asked: Asked,
): Promise<Found | undefined> {
  const { place, record } = asked;
  const store = await configuredStore(context, database);
  const servers = store ? await copiedServers(store, database.location.name) : [];
  const last = servers.at(-1);
  if (store && !last && !record) throw noCopies(database.location.name, store.address);
  if (!last) return undefined;
  const known = (identifier: string | undefined) =>
    servers.find((one) => one.record.systemIdentifier === identifier);
  const present = record ? known(record.systemIdentifier) : last;
  if (record && !present && !known(record.after)) {
    throw new UserError({
      code: 'COPY_OF_ANOTHER',
      message: `${last.store.address} has the WAL of the server ${last.record.systemIdentifier}, and what is in ${place} is of ${record.systemIdentifier}`,
      hint: `to bring that one back, move ${place} away first`,
      exitCode: ExitCode.failure,
    });
  }
  const { dataDirectory } = record ?? last.record;
  const ofPresent = async () =>
    present && chooseFromServer(context, database, present, { ...asked, dataDirectory, folder: place });
  const ofEarlier = servers
    .filter((server) => asked.earlier && server !== present)
    .map((server) => () => chooseFromEarlier(context, database, server, { ...asked, dataDirectory }));
  // Where nothing leads to the target, the present server says again what does.
  return firstFound([ofPresent, ...ofEarlier, ...(ofEarlier.length > 0 ? [ofPresent] : [])]);
}

/** Copies go by the project's name, which on another machine may be that of another folder. */
function noCopies(project: string, address: string): UserError {
  return new UserError({
    code: 'NOT_PROTECTED',
    message: `there is nothing to bring back: no base backup is here, and ${address} has no copies of a project "${project}"`,
    hint: `write the lost project's name into the compose file (name: NAME; its copies are called NAME-protection), then the same command again`,
  });
}

async function chooseFromEarlier(
  context: ServiceContext,
  database: Database,
  server: CopiedServer,
  asked: Asked & { dataDirectory: string },
): Promise<Found | undefined> {
  const { systemIdentifier, major, image } = server.record;
  if (major === undefined || image === undefined) return undefined;
  const folder = earlierFolder(asked.place, systemIdentifier);
  const record = await readRecord(folder);
  const here = record && (await readCatalogue(folder, record));
  const found = await chooseFromServer(context, database, server, { ...asked, record, here, folder });
  return found && { ...found, server: { major, image } };
}

async function chooseFromServer(
  context: ServiceContext,
  database: Database,
  { store }: CopiedServer,
  asked: Asked & { folder: string; dataDirectory: string },
): Promise<Found | undefined> {
  const copied = await readCopied(store);
  if (!copied) return undefined;
  const { folder, dataDirectory } = asked;
  const { owner: _owner, host: _host, successor: _successor, ...away } = copied.record;
  const record = asked.record ?? { ...away, file: database.location.files[0] as string };
  const both = united(asked.here, copied.catalogue);
  const bases = both.bases.map((base) => ({ ...base, folder: join(folder, 'bases', base.id) }));
  const catalogue = { ...both, bases };
  const opener = () => readIdentities(context, database);
  const onGap = (address: string) =>
    context.warn(
      `a piece of ${address} is missing among the copies: what was committed after it is not brought back`,
    );
  const fetch = (plan: RecoveryPlan) =>
    fetchPlan(copied, folder, { plan, record, opener, onGap }, { signal: context.signal });
  const everything = asked.everything ? planEverything(catalogue) : undefined;
  if (everything) await fetch(everything);
  const choice = await asked.chosenIn(folder)(catalogue);
  await fetch(choice.plan);
  return { place: folder, record, catalogue, choice, dataDirectory };
}
