import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { hashPassword } from '../../src/auth/passwords.js';
import { newRefreshToken, refreshTokenHash } from '../../src/auth/tokens.js';
import { SYSTEM } from '../../src/repositories/audit.js';
import { type Ask, PASSWORD, type TestApi } from '../api.js';

/** Of each kind of thing, so many that no request can remove, with the ids from 1. */
const KEPT = 8;
/** The users that send the fuzz, one for each role, have the first ids: it must not lock them out. */
export const OWN_USERS = 3;

/** A user who may be locked out, and the tokens of a session. */
export interface FuzzSession {
  readonly username: string;
  readonly password: string;
  readonly current_password: string;
  readonly refresh_token: string;
  readonly access_token: string;
}

/** What is in the database, for requests that are to be more than refused. */
export class Inventory {
  readonly #api: TestApi;
  readonly #admin: Ask;
  readonly #passwordHash = hashPassword(PASSWORD);
  /** By path, the query of a page that was not the last, with the cursor of the next. */
  readonly #unfinished = new Map<string, Readonly<Record<string, string>>>();

  private constructor(api: TestApi) {
    this.#api = api;
    this.#admin = api.as('admin');
  }

  /** Adds things that refer to each other, so that they stay, and an import with flaws. */
  static async fill(api: TestApi): Promise<Inventory> {
    const admin = api.as('admin');
    const lines = [];
    for (let id = 1; id <= KEPT; id += 1) {
      await admin('POST', '/categories', { name: `Category ${id}` });
      await admin('POST', '/suppliers', { name: `Supplier ${id}` });
      // The first location is there.
      if (id > 1) await admin('POST', '/locations', { code: `place-${id}`, name: `Place ${id}` });
      const item = { sku: `KEPT-${id}`, name: `Thing ${id}`, category_id: id, supplier_id: id };
      await admin('POST', '/items', item);
    }
    for (let item = 1; item <= KEPT; item += 1) {
      for (let location = 1; location <= KEPT; location += 1) {
        lines.push({ item_id: item, location_id: location, quantity: 1_000_000 });
      }
    }
    await admin('POST', '/stock/receive', { lines });
    await admin('POST', '/imports?mode=partial', 'sku,name\nIMPORTED,Thing\nFLAWED,\n', {
      'content-type': 'text/csv',
    });
    return new Inventory(api);
  }

  /** What no schema says: ids of what stays, and columns that are in the files. */
  readonly references: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    ...Object.fromEntries(
      ['item_id', 'location_id', 'from_location_id', 'to_location_id', 'category_id', 'supplier_id'].map(
        (name) => [name, fc.integer({ min: 1, max: KEPT })],
      ),
    ),
    columns: fc.constantFrom({}, { unit_price: null }, { quantity: 'reorder_point' }),
  };

  /** Rows of which all can be taken, as a rule. */
  readonly files: fc.Arbitrary<string> = fc
    .uniqueArray(
      fc.tuple(
        fc.integer({ min: 1, max: 2 * KEPT }),
        fc.constantFrom('1', '', '0', '999'),
        fc.nat({ max: 99 }),
      ),
      { minLength: 1, maxLength: 5, selector: ([item]) => item },
    )
    .map((rows) =>
      [
        'sku,name,quantity,unit_price',
        ...rows.map(([item, quantity, cents]) => `KEPT-${item},Thing ${item},${quantity},0.${cents}`),
      ].join('\n'),
    );

  /** Values for the parameters of a path: ids of what its collection lists now, and of what is in it. */
  async existing(
    path: string,
    drawn: Readonly<Record<string, string>>,
    pick: number,
  ): Promise<Readonly<Record<string, string>>> {
    const [, collection, parameter] = /^\/api\/v1\/([\w-]+)\/\{(\w+)\}/.exec(path) ?? [];
    if (collection === undefined || parameter === undefined) return drawn;
    const { data } = (await this.#admin('GET', `/${collection}?limit=200`)).json() as {
      readonly data: readonly Readonly<Record<string, number>>[];
    };
    const known = data
      .map((row) => row[parameter] as number)
      .filter((id) => collection !== 'users' || id > OWN_USERS);
    // No user may be there yet, who is not one of ours.
    const id = known[pick % known.length] ?? (await this.#addUser()).id;
    return { ...drawn, [parameter]: String(id) };
  }

  /** A query with a cursor as one that continues a page which was sent before, or else without. */
  continued(path: string, query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    if (!('cursor' in query)) return query;
    const { cursor: _, ...rest } = query;
    return this.#unfinished.get(path) ?? rest;
  }

  /** Notes the page that a path was answered with. */
  note(path: string, query: Readonly<Record<string, string>>, body: string): void {
    const [, cursor] = /"next_cursor":"([\w-]+)"\}$/.exec(body) ?? [];
    if (cursor !== undefined) this.#unfinished.set(path, { ...query, cursor });
  }

  /** The current version of what is at an address. */
  async etag(address: string): Promise<string> {
    return String((await this.#admin('GET', address.replace('/api/v1', ''))).headers.etag);
  }

  async session(): Promise<FuzzSession> {
    const { id, username } = await this.#addUser();
    const { users, refreshTokens } = this.#api.app.repositories;
    const principal = await users.principal(id);
    const claims = { userId: id, credentialsChangedAt: principal?.credentialsChangedAt ?? 0 };
    const refreshToken = newRefreshToken();
    await refreshTokens.start(claims, refreshTokenHash(refreshToken));
    return {
      username,
      password: PASSWORD,
      current_password: PASSWORD,
      refresh_token: refreshToken,
      access_token: this.#api.app.accessTokens.sign(claims),
    };
  }

  async #addUser(): Promise<{ readonly id: number; readonly username: string }> {
    const username = `spare-${randomUUID()}`;
    const passwordHash = await this.#passwordHash;
    const { users } = this.#api.app.repositories;
    const { id } = await users.add({ username, passwordHash, role: 'viewer' }, SYSTEM);
    return { id, username };
  }
}
