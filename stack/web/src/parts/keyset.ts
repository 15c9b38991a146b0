/** So many rows are asked for at once. */
export const PAGE_ROWS = 100;
/** Pages kept on each side of what is shown. The others are read again by their cursors, when they are. */
const PAGES_KEPT = 3;

export interface Page<Row> {
  readonly data: Row[];
  readonly next_cursor: string | null;
}

/**
 * A list of any length, of which only the rows around what is shown are kept. The API gives a page and the cursor of
 * the next: a cursor is small, so all of them are kept, and the way back costs what the way down did.
 */
export class KeysetList<Row> {
  readonly #read: (cursor: string | undefined) => Promise<Page<Row>>;
  readonly #cursors: (string | undefined)[] = [undefined];
  readonly #pages = new Map<number, Row[]>();
  readonly #reading = new Map<number, Promise<void>>();
  #rows = 0;
  #complete = false;

  constructor(read: (cursor: string | undefined) => Promise<Page<Row>>) {
    this.#read = read;
  }

  /** Rows that are known to be there. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether there are no more rows than are known. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The same list, to be read anew: it knows where its pages begin, and nothing of what is on them. */
  fresh(): KeysetList<Row> {
    const copy = new KeysetList(this.#read);
    copy.#cursors.push(...this.#cursors.slice(1));
    copy.#rows = this.#rows;
    copy.#complete = this.#complete;
    return copy;
  }

  row(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  /** Reads what is missing of the rows from `first` to `last`, page after page, and lets go of what is far from them. */
  async show(first: number, last: number): Promise<void> {
    const from = Math.max(0, Math.floor(first / PAGE_ROWS));
    const to = Math.floor(Math.max(last, 0) / PAGE_ROWS);
    for (const page of this.#pages.keys()) {
      if (page < from - PAGES_KEPT || page > to + PAGES_KEPT) this.#pages.delete(page);
    }
    for (let page = from; page <= to; page += 1) {
      while (page >= this.#cursors.length) {
        if (this.#complete) return;
        await this.#load(this.#cursors.length - 1);
      }
      if (!this.#pages.has(page) && page < this.#cursors.length) await this.#load(page);
    }
  }

  #load(page: number): Promise<void> {
    const pending = this.#reading.get(page);
    if (pending) return pending;
    const reading = this.#read(this.#cursors[page])
      .then(({ data, next_cursor }) => {
        this.#pages.set(page, data);
        if (page !== this.#cursors.length - 1) return;
        this.#rows = page * PAGE_ROWS + data.length;
        this.#complete = next_cursor === null;
        if (next_cursor !== null) this.#cursors.push(next_cursor);
      })
      .finally(() => this.#reading.delete(page));
    this.#reading.set(page, reading);
    return reading;
  }
}
