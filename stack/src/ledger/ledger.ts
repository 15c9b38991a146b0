import pg from 'pg';
import type { Database } from '../database/database.js';
import { invalid, notFound, Problem, type ProblemDetail } from '../problem.js';
import { combineLines, type Line } from './lines.js';
import {
  DIAGNOSE,
  FIND_KEY,
  inOrder,
  type LedgerStatement,
  ON_HAND_LIMIT,
  OPEN_LEVELS,
  POST_COUNTS,
  POST_LINE,
  POST_LINES,
  REVERSED_LINES,
  type StatementValues,
} from './statements.js';

export const KINDS = ['receive', 'issue', 'adjust', 'count', 'transfer', 'reversal', 'import'] as const;
export type Kind = (typeof KINDS)[number];

/** An Idempotency-Key and what it was sent with. */
export interface IdempotencyKey {
  readonly key: string;
  /** SHA-256 of method, route and body. */
  readonly fingerprint: Buffer;
}

export interface Operation {
  readonly kind: Kind;
  readonly reason?: string | undefined;
  readonly reference?: string | undefined;
  readonly actorId: number;
  /** The group that this operation reverses. */
  readonly reverses?: number;
  readonly idempotency?: IdempotencyKey | undefined;
}

/** A count of one item at one location. */
export interface Count {
  readonly itemId: number;
  readonly locationId: number;
  readonly counted: number;
}

export interface Posted {
  /** The answer as JSON text. */
  readonly response: string;
  /** Whether the operation was done by an earlier request with the same key. */
  readonly replayed: boolean;
  /** How many movements were written now. */
  readonly moved: number;
}

interface Outcome {
  readonly response?: string | null;
  readonly moved?: number;
  readonly levels?: readonly Level[] | null;
  readonly claimed?: boolean;
  readonly prior_fingerprint?: Buffer | null;
  readonly prior_response?: string | null;
}

interface Level {
  readonly onHand: number;
}

interface Diagnosis extends Level {
  readonly itemExists: boolean;
  readonly itemArchived: boolean;
  readonly locationExists: boolean;
  readonly levelExists: boolean;
}

/** Why a level cannot change as asked for. */
interface Obstacle {
  readonly code: 'insufficient_stock' | 'quantity_out_of_range';
  readonly reason: string;
}

/** One line as asked for, and what would be wrong with it. */
interface Wanted {
  readonly itemId: number;
  readonly locationId: number;
  readonly value: number;
  readonly check: (level: Level) => Obstacle | undefined;
}

const ATTEMPTS = 5;

const nothingToMove = { pointer: '/body/lines', code: 'nothing_to_move', message: 'The lines cancel out.' };
const UNIQUE_VIOLATION = '23505';

/**
 * The ledger. Every operation is one statement that changes levels and writes movements together; stock cannot
 * go below zero, whoever else is at it.
 */
export class Ledger {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Moves stock: all lines or none. Lines of the same item and location are summed before.
   *
   * @throws {Problem} 409 `insufficient_stock`, 409 `idempotency_key_in_use`, 422 for an unknown or archived item,
   *   an unknown location, or a key that came with another request before.
   */
  post(operation: Operation, lines: readonly Line[]): Promise<Posted> {
    const wanted = combineLines(lines).map(
      ({ itemId, locationId, delta }): Wanted => ({
        itemId,
        locationId,
        value: delta,
        check: ({ onHand }) => {
          if (onHand + delta < 0) {
            return { code: 'insufficient_stock', reason: `${onHand} on hand, ${-delta} asked for.` };
          }
          if (onHand + delta <= ON_HAND_LIMIT) return undefined;
          const reason = `${onHand} on hand, ${delta} more would exceed ${ON_HAND_LIMIT}.`;
          return { code: 'quantity_out_of_range', reason };
        },
      }),
    );
    if (wanted.length === 0) throw invalid([nothingToMove]);
    const [only] = wanted;
    return only && wanted.length === 1
      ? this.#post(operation, POST_LINE, wanted, {
          items: only.itemId,
          locations: only.locationId,
          quantities: only.value,
        })
      : this.#postMany(operation, POST_LINES, wanted);
  }

  /**
   * Sets stock to what was counted; what was right stays without a movement. Errors as for `post`.
   */
  count(operation: Operation, counts: readonly Count[]): Promise<Posted> {
    const levels = new Set(counts.map(({ itemId, locationId }) => `${itemId}/${locationId}`));
    if (levels.size < counts.length) {
      const message = 'An item is counted twice at one location.';
      throw invalid([{ pointer: '/body/lines', code: 'duplicate', message }]);
    }
    const wanted = [...counts]
      .sort((a, b) => a.itemId - b.itemId || a.locationId - b.locationId)
      .map(
        ({ itemId, locationId, counted }): Wanted => ({
          itemId,
          locationId,
          value: counted,
          check: () => undefined,
        }),
      );
    return this.#postMany(operation, POST_COUNTS, wanted);
  }

  /**
   * Undoes every movement of a group by its opposite.
   *
   * @throws {Problem} 404 for an unknown group, 409 if it was reversed before or the stock has gone since.
   */
  async reverse(operation: Omit<Operation, 'kind' | 'reverses'>, group: number): Promise<Posted> {
    const lines = await this.#database.query<Line & pg.QueryResultRow>(REVERSED_LINES, [group]);
    if (lines.length === 0) throw notFound('group of movements');
    return this.post({ ...operation, kind: 'reversal', reverses: group }, lines);
  }

  #postMany(operation: Operation, statement: LedgerStatement, wanted: readonly Wanted[]): Promise<Posted> {
    return this.#post(operation, statement, wanted, {
      items: wanted.map((line) => line.itemId),
      locations: wanted.map((line) => line.locationId),
      quantities: wanted.map((line) => line.value),
    });
  }

  async #post(
    operation: Operation,
    statement: LedgerStatement,
    wanted: readonly Wanted[],
    lines: Pick<StatementValues, 'items' | 'locations' | 'quantities'>,
  ): Promise<Posted> {
    const { kind, reason, reference, actorId, reverses, idempotency } = operation;
    const values: StatementValues = {
      kind,
      reason: reason ?? null,
      reference: reference ?? null,
      actor: actorId,
      reverses: reverses ?? null,
      ...lines,
    };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const outcome = idempotency
        ? await this.#tryKeyed(statement, values, actorId, idempotency)
        : (await this.#database.query<Outcome & pg.QueryResultRow>(statement.plain, inOrder(values)))[0];
      const prior = idempotency && priorAnswer(outcome, idempotency);
      if (prior) return prior;
      if (outcome?.response)
        return { response: outcome.response, replayed: false, moved: outcome.moved ?? 0 };

      // The key may have been used after the statement's snapshot was taken: that answer comes first.
      if (idempotency) {
        const late = priorAnswer(await this.#findKey(actorId, idempotency.key), idempotency);
        if (late) return late;
      }
      if (outcome?.levels) refuseShort(wanted, outcome.levels);
      else await this.#explainOrOpen(wanted);
    }
    throw new Problem(503, 'busy', 'Others keep changing the same stock. Try again.', {
      headers: { 'retry-after': '1' },
    });
  }

  async #tryKeyed(
    statement: LedgerStatement,
    values: StatementValues,
    actorId: number,
    { key, fingerprint }: IdempotencyKey,
  ): Promise<Outcome | undefined> {
    try {
      const [outcome] = await this.#database.query<Outcome & pg.QueryResultRow>(
        statement.keyed,
        inOrder({ ...values, key, fingerprint }),
      );
      if (outcome?.claimed) return outcome;
    } catch (error) {
      const usedMeanwhile =
        error instanceof pg.DatabaseError &&
        error.code === UNIQUE_VIOLATION &&
        error.constraint === 'idempotency_keys_pkey';
      if (!usedMeanwhile) throw error;
      return this.#findKey(actorId, key);
    }
    throw new Problem(409, 'idempotency_key_in_use', 'A request with this Idempotency-Key is in progress.', {
      headers: { 'retry-after': '1' },
    });
  }

  async #findKey(actorId: number, key: string): Promise<Outcome | undefined> {
    const [row] = await this.#database.query<Outcome & pg.QueryResultRow>(FIND_KEY, [actorId, key]);
    return row;
  }

  /** Says why nothing was done, or opens the levels that were missing. @throws {Problem} */
  async #explainOrOpen(wanted: readonly Wanted[]): Promise<void> {
    const items = wanted.map((line) => line.itemId);
    const locations = wanted.map((line) => line.locationId);
    const levels = await this.#database.query<Diagnosis & pg.QueryResultRow>(DIAGNOSE, [items, locations]);
    const unknown: ProblemDetail[] = [];
    for (const [index, { itemId, locationId }] of wanted.entries()) {
      const level = levels[index];
      if (!level) throw new Error('the diagnosis has a row for every line');
      const detail = (code: string, message: string) => ({ pointer: '/body/lines', code, message });
      if (!level.itemExists) unknown.push(detail('unknown_item', `There is no item ${itemId}.`));
      else if (!level.locationExists)
        unknown.push(detail('unknown_location', `There is no location ${locationId}.`));
      else if (level.itemArchived) unknown.push(detail('archived_item', `Item ${itemId} is archived.`));
    }
    if (unknown.length > 0) throw invalid(unknown);
    refuseShort(wanted, levels);
    if (levels.some((level) => !level.levelExists)) {
      await this.#database.query(OPEN_LEVELS, [items, locations]);
    }
  }
}

/** @param levels as they are, one for each line. @throws {Problem} for those that cannot change as asked for. */
function refuseShort(wanted: readonly Wanted[], levels: readonly Level[]): void {
  const errors: ProblemDetail[] = [];
  for (const [index, { itemId, locationId, check }] of wanted.entries()) {
    const obstacle = levels[index] && check(levels[index]);
    if (!obstacle) continue;
    const message = `Item ${itemId} at location ${locationId}: ${obstacle.reason}`;
    errors.push({ pointer: '/body/lines', code: obstacle.code, message });
  }
  if (errors.some(({ code }) => code === 'insufficient_stock')) {
    throw new Problem(409, 'insufficient_stock', 'There is not enough stock; nothing was moved.', { errors });
  }
  if (errors.length > 0) {
    throw new Problem(422, 'quantity_out_of_range', 'Stock would exceed 1,000,000,000,000.', { errors });
  }
}

function priorAnswer(outcome: Outcome | undefined, { fingerprint }: IdempotencyKey): Posted | undefined {
  if (!outcome?.prior_fingerprint || !outcome.prior_response) return undefined;
  if (!outcome.prior_fingerprint.equals(fingerprint)) {
    throw new Problem(
      422,
      'idempotency_key_reused',
      'This Idempotency-Key came with another request before.',
    );
  }
  return { response: outcome.prior_response, replayed: true, moved: 0 };
}
