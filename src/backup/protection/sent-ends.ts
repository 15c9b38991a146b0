import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../../errors.js';
import { explainReadError, writeFileAtomic } from '../../system/files.js';

/** In the place's `state`. Without it, the ends of all runs are sent once more. */
const FILE = 'copied-ends.json';

const endSchema = z.object({
  /** The segment's last change in the place, in milliseconds since 1970. */
  changedAt: z.number(),
  /** Names of the pieces that it lies in among the copies, and nothing else of it. */
  pieces: z.array(z.string()).min(1),
});

const fileSchema = z.object({
  /** Of the server's copies. */
  address: z.string(),
  /** By run, timeline and number. */
  ends: z.record(z.string(), endSchema),
});

export type SentEnd = z.infer<typeof endSchema>;

/**
 * The last segments of runs that have ended: such a segment never becomes complete, so that it lies among the
 * copies in pieces for ever. Names of pieces do not tell whether the bytes were final when they were sent; this
 * does, from one process to the next.
 */
export class SentEnds {
  readonly #file: string;
  readonly #address: string;
  #ends: ReadonlyMap<string, SentEnd>;

  private constructor(file: string, address: string, ends: ReadonlyMap<string, SentEnd>) {
    this.#file = file;
    this.#address = address;
    this.#ends = ends;
  }

  /** Reads what a process before this one has noted of the copies at this address. */
  static async read(place: string, address: string): Promise<SentEnds> {
    const file = join(place, 'state', FILE);
    const noted = fileSchema.safeParse(await readJsonIfThere(file));
    const ends = noted.success && noted.data.address === address ? Object.entries(noted.data.ends) : [];
    return new SentEnds(file, address, new Map(ends));
  }

  get(key: string): SentEnd | undefined {
    return this.#ends.get(key);
  }

  /** Replaces all that was noted. */
  async note(ends: ReadonlyMap<string, SentEnd>): Promise<void> {
    const text = (of: ReadonlyMap<string, SentEnd>) =>
      `${JSON.stringify({ address: this.#address, ends: Object.fromEntries(of) })}\n`;
    if (text(ends) === text(this.#ends)) return;
    await writeFileAtomic(this.#file, text(ends), 0o600);
    this.#ends = ends;
  }
}

/** Returns undefined if there is no such file, or if it is not JSON. */
async function readJsonIfThere(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || hasErrorCode(error, 'ENOENT')) return undefined;
    throw explainReadError(error, file);
  }
}
