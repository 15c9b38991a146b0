import type { CopyStore, TransferOptions } from '../copy-store.js';
import { type CopiedServer, copiedServers } from './copied.js';
import { copyFolder } from './copy-names.js';
import { earlierFolder } from './earlier.js';
import { type ProtectionRecord, readRecord } from './place.js';
import { pruneServers } from './prune-copied.js';
import { type Growth, type ServerInput, ServerShipper, type Shipped, serverChanges } from './ship-server.js';

const RETENTION_MS = 3_600_000;

export interface ShipInput extends Pick<ServerInput, 'place' | 'recipients' | 'takeOver'> {
  /** The place of copies, and the project's name in it. */
  root: CopyStore;
  project: string;
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
    const { segments, ...wal } = await this.shipWal(options);
    return { ...wal, segments, bases: (await this.shipBases(options))?.bases ?? 0 };
  }

  /** As {@link ship}, without the bases. */
  async shipWal(options: TransferOptions): Promise<Shipped> {
    const record = await readRecord(this.#input.place);
    if (!record) throw serverChanges();
    const { systemIdentifier } = record;
    if (this.#present?.systemIdentifier !== systemIdentifier) this.#present = await this.#open(record);
    return this.#present.shipper.shipWal(options);
  }

  /** As {@link ship}, without the WAL. Undefined: nothing is sent before the first {@link shipWal}. */
  async shipBases(options: TransferOptions): Promise<Shipped | undefined> {
    if (!this.#present) return undefined;
    const { shipper, systemIdentifier } = this.#present;
    const shipped = await shipper.shipBases(options);
    if (!shipped) return undefined;
    if (this.#before && shipper.hasBase) {
      await this.#finish(this.#before, systemIdentifier, options);
      this.#before = undefined;
    }
    if (Date.now() - this.#keptHouseAt > RETENTION_MS) {
      // The present one's shipper does it for its own.
      await pruneServers(this.#input.root, this.#input.project, { except: systemIdentifier });
      this.#keptHouseAt = Date.now();
    }
    return shipped;
  }

  /**
   * Sends what the open segment grew by. Costs next to nothing while that is nothing. Nothing is sent before the
   * first {@link shipWal}, and after one that failed.
   * @throws UserError as {@link ship}.
   */
  async shipGrowth(options: TransferOptions): Promise<Growth> {
    return (await this.#present?.shipper.shipGrowth(options)) ?? {};
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
