import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { explainReadError, writeFileAtomic } from '../../system/files.js';
import { type Digest, digestOf } from '../archive-file.js';
import { assertDigest } from '../archive-reader.js';
import type { CopyStore, TransferOptions } from '../copy-store.js';
import type { Base, Segment } from './catalogue.js';
import {
  type CopiedBase,
  type CopiedProtection,
  type CopiedRecord,
  type CopiedServer,
  copiedRecordSchema,
  copiedServers,
  readCopied,
  readJson,
} from './copied.js';
import {
  baseMark,
  basePart,
  besideSegments,
  copyFolder,
  OWNER_FILE,
  RECORD_NAME,
  readNames,
  STATE_NAME,
  wholeSegment,
} from './copy-names.js';
import { earlierFolder, presentServer } from './earlier.js';
import { type ProtectionRecord, parseReceiverNote, readCatalogue, readRecord } from './place.js';
import { unneeded } from './retention.js';
import { findStored, packFile, packingOf, type StoredFile, unpackedName } from './stored-file.js';

const BESIDE = /^(SHA256SUMS|[0-9A-F]{8}\.history)$/;
const RETENTION_MS = 3_600_000;

export interface ShipInput {
  /** The place of copies, and the project's name in it. */
  root: CopyStore;
  project: string;
  place: string;
  /** Public keys of age; empty: the copies are not encrypted. */
  recipients: readonly string[];
  /** True: continues copies that another machine wrote. */
  takeOver: boolean;
}

interface ServerInput extends Pick<ShipInput, 'place' | 'recipients' | 'takeOver'> {
  /** Folder of the server among the copies. */
  store: CopyStore;
  record: ProtectionRecord;
  /** Identifier of the server that an upgrade made of this one. */
  successor?: string;
}

export interface Shipped {
  bases: number;
  /** Number of complete segments. */
  segments: number;
  /** All commits until then are copied; absent: none is yet. */
  covered?: Date;
}

interface PresentServer {
  shipper: ServerShipper;
  systemIdentifier: string;
}

/**
 * Copies a place to the configured store again and again, each time the new files. After an upgrade, the new
 * server gets a folder of its own; when it has a base there, the rest of the old one is sent, and its record
 * names the new one.
 */
export class Shipper {
  readonly #input: ShipInput;
  #present: PresentServer | undefined;
  /** The server before the present one, until its rest was sent. */
  #before: CopiedServer | undefined;
  #keptHouseAt = 0;

  constructor(input: ShipInput) {
    this.#input = input;
  }

  /**
   * @throws UserError COPIES_UNREACHABLE, COPY_OF_ANOTHER if another server or another machine writes there,
   * SERVER_CHANGES during an upgrade. Files that were sent before the error stay valid.
   */
  async ship(options: TransferOptions): Promise<Shipped> {
    const record = await readRecord(this.#input.place);
    if (!record) throw serverChanges();
    const { systemIdentifier } = record;
    if (this.#present?.systemIdentifier !== systemIdentifier) this.#present = await this.#open(record);
    const { shipper } = this.#present;
    const shipped = await shipper.ship(options);
    if (this.#before && shipper.hasBase) {
      await this.#finish(this.#before, systemIdentifier, options);
      this.#before = undefined;
    }
    if (Date.now() - this.#keptHouseAt > RETENTION_MS) {
      await pruneServers(this.#input.root, this.#input.project);
      this.#keptHouseAt = Date.now();
    }
    return shipped;
  }

  /** Address of the copies of the present server. */
  get address(): string {
    const { root, project } = this.#input;
    return this.#present?.shipper.address ?? root.folder(copyFolder(project)).address;
  }

  async #open(record: ProtectionRecord): Promise<PresentServer> {
    const { root, project, ...input } = this.#input;
    const servers = await copiedServers(root, project);
    const { systemIdentifier, after } = record;
    const own = servers.find((one) => one.record.systemIdentifier === systemIdentifier);
    this.#before = own ? undefined : servers.find((one) => one.record.systemIdentifier === after);
    const store = own?.store ?? root.folder(copyFolder(project, this.#before && systemIdentifier));
    return { shipper: new ServerShipper({ ...input, store, record }), systemIdentifier };
  }

  async #finish({ store }: CopiedServer, successor: string, options: TransferOptions): Promise<void> {
    const { place: present, recipients, takeOver } = this.#input;
    const { after } = (await readRecord(present)) ?? {};
    const place = earlierFolder(present, after ?? '');
    const record = await readRecord(place);
    if (!record) return;
    await new ServerShipper({ store, place, record, recipients, takeOver, successor }).ship(options);
  }
}

/**
 * Copies what was received from one server. A base is copied once it is complete, which its mark shows. A
 * segment is copied when it is full, and before that as far as it was received.
 */
class ServerShipper {
  readonly #input: ServerInput;
  readonly #scratch: string;
  /** Names in the store; undefined: they were not listed yet. */
  #there: Set<string> | undefined;
  /** Last sent content of the names whose content changes. */
  readonly #sent = new Map<string, string>();
  #keptHouseAt = 0;

  constructor(input: ServerInput) {
    this.#input = input;
    this.#scratch = join(input.place, 'state', 'shipping');
  }

  get address(): string {
    return this.#input.store.address;
  }

  /** Whether a base is among the copies. */
  get hasBase(): boolean {
    return readNames([...(this.#there ?? [])], this.#input.record.segmentBytes).bases.length > 0;
  }

  async ship(options: TransferOptions): Promise<Shipped> {
    try {
      return await this.#ship(options);
    } catch (error) {
      // The list of names in the store may be wrong after an error.
      this.#there = undefined;
      throw error;
    } finally {
      await rm(this.#scratch, { recursive: true, force: true });
    }
  }

  async #ship(options: TransferOptions): Promise<Shipped> {
    const { store, place, record } = this.#input;
    await mkdir(this.#scratch, { recursive: true, mode: 0o700 });
    const first = this.#there === undefined;
    if (first) await this.#own();
    this.#there ??= new Set(await store.names());
    // Read before the WAL: everything that it refers to is then sent in this round.
    const state = {
      now: await readIfThere(join(place, 'state', 'now')),
      runs: await readIfThere(join(place, 'state', 'runs')),
    };
    const catalogue = await readCatalogue(place, record);
    await this.#assertSameServer();
    const result: Shipped = { bases: 0, segments: 0 };
    for (const run of catalogue.runs) {
      const present = this.#presentOf(run.name);
      for (const segment of run.segments) {
        if (segment.partial || present.has(unpackedName(segment.file))) continue;
        if (await this.#shipSegment(segment, options)) result.segments += 1;
      }
      await this.#shipBeside(run.name);
      for (const segment of run.segments) if (segment.partial) await this.#shipOpen(segment, options);
    }
    for (const base of catalogue.bases) {
      if (this.#there.has(baseMark(base.id))) continue;
      await this.#shipBase(base, options);
      result.bases += 1;
    }
    await this.#writeChanged(STATE_NAME, `${JSON.stringify(state)}\n`);
    await this.#removeFinished();
    if (first || result.bases > 0 || Date.now() - this.#keptHouseAt > RETENTION_MS) await this.#keepHouse();
    const { covered } = state.now === '' ? {} : parseReceiverNote(state.now);
    return { ...result, ...(covered ? { covered } : {}) };
  }

  /** Marks the place of the copies as ours, or finds that it belongs to another. */
  async #own(): Promise<void> {
    const { store, place, record, takeOver, successor } = this.#input;
    const file = join(place, 'state', OWNER_FILE);
    let owner = (await readIfThere(file)).trim();
    if (owner === '') {
      owner = randomBytes(16).toString('hex');
      await writeFileAtomic(file, `${owner}\n`, 0o600);
    }
    const there = await readJson(store, RECORD_NAME, copiedRecordSchema);
    const { file: _, ...own } = record;
    const ours: CopiedRecord = {
      ...own,
      owner,
      host: hostname(),
      ...(successor === undefined ? {} : { successor }),
    };
    if (there && there.systemIdentifier !== ours.systemIdentifier) {
      throw copyOfAnother(
        `${store.address} has the WAL of the server ${there.systemIdentifier}, and the database is ${ours.systemIdentifier}`,
        `give this project another place (backup.copyTo), or move what is in ${store.address} away`,
      );
    }
    if (there && (there.owner !== owner || there.host !== ours.host) && !takeOver) {
      throw copyOfAnother(
        `${store.address} is written by another copy of this server, on the machine ${there.host}`,
        'invctl db copy --take-over      (once that one is gone for good)',
      );
    }
    if (JSON.stringify(there) !== JSON.stringify(ours)) {
      await store.writeText(RECORD_NAME, `${JSON.stringify(ours, null, 2)}\n`);
    }
  }

  /** Returns the names of a run's complete segments in the store, as they were before they were packed. */
  #presentOf(run: string): Set<string> {
    const { segmentBytes } = this.#input.record;
    const { segments } = readNames([...(this.#there ?? [])], segmentBytes);
    return new Set(
      segments
        .filter((segment) => segment.run === run && !segment.partial)
        .map(({ file }) => unpackedName(file)),
    );
  }

  async #shipSegment({ run, file, changedAt }: Segment, options: TransferOptions): Promise<boolean> {
    const packed = await this.#packed(join(this.#input.place, 'wal', run), unpackedName(file), options);
    // It was removed in the meantime because it was too old.
    if (!packed) return false;
    await this.#assertSameServer();
    await this.#send(wholeSegment(run, `${packed.name}${packed.packing}`, changedAt), packed.file, options);
    return true;
  }

  /** Copies the segment that is being received, if it has changed. */
  async #shipOpen({ run, file }: Segment, options: TransferOptions): Promise<void> {
    const folder = join(this.#input.place, 'wal', run);
    const before = await stat(join(folder, file)).catch(() => undefined);
    if (!before) return;
    const key = `${run}/${file}`;
    if (this.#sent.get(key) === String(before.mtimeMs)) return;
    const packed = await this.#packed(folder, unpackedName(file), options);
    if (!packed) return;
    await this.#assertSameServer();
    await this.#send(besideSegments(run, `${packed.name}${packed.packing}`), packed.file, options);
    this.#sent.set(key, String(before.mtimeMs));
  }

  /** Returns a segment in its stored form: gzip, and encrypted if there are recipients. */
  async #packed(folder: string, name: string, { signal }: TransferOptions): Promise<StoredFile | undefined> {
    const { recipients } = this.#input;
    const stored = await findStored(folder, name);
    const encrypted = recipients.length > 0;
    const packing = packingOf({ gzip: true, encrypted });
    if (!stored || stored.packing === packing || stored.packing.endsWith('.age')) return stored;
    const file = join(this.#scratch, `${name}${packing}`);
    try {
      await packFile(stored.file, file, { gzip: stored.packing === '', recipients, signal });
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return undefined;
      throw error;
    }
    return { name, packing, file };
  }

  async #shipBeside(run: string): Promise<void> {
    const folder = join(this.#input.place, 'wal', run);
    for (const file of await readdir(folder)) {
      if (!BESIDE.test(file)) continue;
      const text = await readIfThere(join(folder, file));
      await this.#assertSameServer();
      await this.#writeChanged(besideSegments(run, file), text);
    }
  }

  async #shipBase({ id, folder }: Base, options: TransferOptions): Promise<void> {
    const { store, recipients } = this.#input;
    const files: CopiedBase['files'] = [];
    for (const name of (await readdir(folder)).sort()) {
      if (name === 'base.json') continue;
      const encrypted = recipients.length > 0 && !name.endsWith('.age') && name !== 'SHA256SUMS';
      const source = join(folder, name);
      const stored = encrypted ? join(this.#scratch, `${name}.age`) : source;
      if (encrypted) await packFile(source, stored, { gzip: false, recipients, signal: options.signal });
      const named = encrypted ? `${name}.age` : name;
      const sent = await this.#send(basePart(id, named), stored, options);
      assertDigest(await digestOf(await store.read(basePart(id, named), options.signal)), sent);
      files.push({ name: named, ...sent });
      if (encrypted) await rm(stored, { force: true });
    }
    const mark: CopiedBase = { base: await readFile(join(folder, 'base.json'), 'utf8'), files };
    await this.#assertSameServer();
    await store.writeText(baseMark(id), `${JSON.stringify(mark)}\n`);
    this.#there?.add(baseMark(id));
  }

  /** After an upgrade, other files have the names of this server's. */
  async #assertSameServer(): Promise<void> {
    const { place, record } = this.#input;
    if ((await presentServer(place)) !== record.systemIdentifier) throw serverChanges();
  }

  async #send(name: string, file: string, options: TransferOptions): Promise<Digest> {
    const { size: bytes } = await stat(file);
    const digest = await this.#input.store.write(name, file, { ...options, bytes });
    this.#there?.add(name);
    return digest;
  }

  async #writeChanged(name: string, text: string): Promise<void> {
    if (this.#sent.get(name) === text) return;
    await this.#input.store.writeText(name, text);
    this.#sent.set(name, text);
    this.#there?.add(name);
  }

  /** Removes the partial copies of segments that are complete now. */
  async #removeFinished(): Promise<void> {
    const { store, record } = this.#input;
    const { segments } = readNames([...(this.#there ?? [])], record.segmentBytes);
    const whole = new Set(
      segments.filter(({ partial }) => !partial).map(({ run, file }) => `${run}/${unpackedName(file)}`),
    );
    for (const { run, file, name, partial } of segments) {
      if (!partial || !whole.has(`${run}/${unpackedName(file).replace(/\.partial$/, '')}`)) continue;
      await store.remove(name);
      this.#there?.delete(name);
    }
  }

  async #keepHouse(): Promise<void> {
    const copied = await readCopied(this.#input.store);
    if (copied) for (const name of await pruneCopied(copied)) this.#there?.delete(name);
    this.#keptHouseAt = Date.now();
  }
}

/**
 * Removes copies that are older than the receiver's retention, by the rule for the place.
 * @returns the removed names.
 */
async function pruneCopied(
  { store, record, catalogue, names, state }: CopiedProtection,
  { dryRun = false } = {},
): Promise<string[]> {
  const { keepSeconds = Number.POSITIVE_INFINITY, covered } = state ? parseReceiverNote(state.now) : {};
  if (record.successor !== undefined) {
    if (!covered || covered.getTime() >= Date.now() - keepSeconds * 1000) return [];
    // The record leads to the next server.
    const all = (await store.names()).filter((name) => name !== RECORD_NAME);
    if (!dryRun) for (const name of all) await store.remove(name);
    return all;
  }
  const { bases, segments } = unneeded(catalogue, keepSeconds);
  const old = new Set(segments.map(({ run, file }) => `${run}/${file}`));
  const going = [
    // The mark is removed first: from then on it is not a base.
    ...bases.map(({ id }) => baseMark(id)),
    ...bases.flatMap(({ id }) =>
      names.parts.filter((part) => part.id === id && part.name !== baseMark(id)).map(({ name }) => name),
    ),
    ...names.segments.filter(({ run, file }) => old.has(`${run}/${file}`)).map(({ name }) => name),
  ];
  if (!dryRun) for (const name of going) await store.remove(name);
  return going;
}

/**
 * Removes copies as {@link pruneCopied}, of every server of a project.
 * @returns the removed names.
 */
export async function pruneServers(
  root: CopyStore,
  project: string,
  options: { dryRun?: boolean } = {},
): Promise<string[]> {
  const removed: string[] = [];
  for (const { store } of await copiedServers(root, project)) {
    const copied = await readCopied(store);
    if (copied) removed.push(...(await pruneCopied(copied, options)));
  }
  return removed;
}

function serverChanges(): UserError {
  return new UserError({
    code: 'SERVER_CHANGES',
    message: 'the database is being upgraded: what the new server writes is copied after that',
    hint: 'invctl db protect status',
  });
}

function copyOfAnother(message: string, hint: string): UserError {
  return new UserError({ code: 'COPY_OF_ANOTHER', message, hint, exitCode: ExitCode.failure });
}

/** Returns an empty text if there is no such file. */
async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return '';
    throw explainReadError(error, file);
  }
}
