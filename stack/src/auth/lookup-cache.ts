/** What was looked up, kept for a while. Requests that come while it is looked up share the answer. */
export class LookupCache<Key, Found> {
  readonly #find: (key: Key) => Promise<Found | undefined>;
  readonly #lifeMs: number;
  readonly #kept: number;
  readonly #entries = new Map<Key, { readonly found: Found; readonly until: number }>();
  readonly #lookups = new Map<Key, Promise<Found | undefined>>();

  /**
   * @param find looks into the database. What is not there is not remembered.
   * @param options.kept entries at most.
   */
  constructor(
    find: (key: Key) => Promise<Found | undefined>,
    { lifeMs, kept }: { readonly lifeMs: number; readonly kept: number },
  ) {
    this.#find = find;
    this.#lifeMs = lifeMs;
    this.#kept = kept;
  }

  /** What is known without a look; nothing where it is unknown or too old. */
  known(key: Key): Found | undefined {
    const entry = this.#entries.get(key);
    return entry && entry.until > Date.now() ? entry.found : undefined;
  }

  /** Errors are those of `find`. */
  lookUp(key: Key): Promise<Found | undefined> {
    const pending = this.#lookups.get(key);
    if (pending) return pending;
    const lookup: Promise<Found | undefined> = this.#find(key)
      .then((found) => {
        if (this.#lookups.get(key) !== lookup || found === undefined) return found;
        if (this.#entries.size >= this.#kept) this.#entries.clear();
        this.#entries.set(key, { found, until: Date.now() + this.#lifeMs });
        return found;
      })
      .finally(() => {
        if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
      });
    this.#lookups.set(key, lookup);
    return lookup;
  }

  /** Has it looked up anew. */
  forget(key: Key): void {
    this.#entries.delete(key);
    this.#lookups.delete(key);
  }
}
