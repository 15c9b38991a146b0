import pg from 'pg';
import type { Database, Statement } from '../database/database.js';
import { invalid, notFound, Problem, type ProblemDetail } from '../problem.js';
import { combineLines, type Line } from './lines.js';
import { quantityOf, stepsOf, tooFine } from './quantities.js';
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
  /** In steps of the item. */
  readonly onHand: number;
  /** Those of the item. */
  readonly decimals: number;
}

interface Diagnosis extends Level {
  readonly itemExists: boolean;
  readonly itemArchived: boolean;
  readonly locationExists: boolean;
  readonly levelExists: boolean;
}

/** Why a level cannot change as asked for. */
interface Obstacle {
  readonly code: 'decimals' | 'insufficient_stock' | 'quantity_out_of_range';
  readonly reason: string;
}

/** One line as asked for, and what would be wrong with it. */
interface Wanted {
  readonly line: Line;
  readonly check: (level: Level) => Obstacle | undefined;
}

const ATTEMPTS = 5;
/** Items of which it is known that they have decimals. */
const REMEMBERED_ITEMS = 10_000;

const nothingToMove = { pointer: '/body/lines', code: 'nothing_to_move', message: 'The lines cancel out.' };
const UNIQUE_VIOLATION = '23505';

/**
 * The ledger. Every operation is one statement that changes levels and writes movements together; stock cannot
 * go below zero, whoever else is at it.
 */
export class Ledger {
  readonly #database: Database;
  /** For whole quantities of these, the usual statement would be in vain. */
  readonly #itemsWithDecimals = new Set<number>();

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
      (line): Wanted => ({ line, check: (level) => obstacle(line, level) }),
    );
    if (wanted.length === 0) throw invalid([nothingToMove]);
    const [only] = wanted;
    return only && wanted.length === 1
      ? this.#post(operation, POST_LINE, wanted, (each) => each(only.line))
      : this.#post(operation, POST_LINES, wanted, (each) => wanted.map(({ line }) => each(line)));
  }

  /**
   * Sets stock to what was counted; what was right stays without a movement. Errors as for `post`.
   *
   * @param counts whose `delta` is what was counted.
   */
  count(operation: Operation, counts: readonly Line[]): Promise<Posted> {
    const levels = new Set(counts.map(({ itemId, locationId }) => `${itemId}/${locationId}`));
    if (levels.size < counts.length) {
      const message = 'An item is counted twice at one location.';
      throw invalid([{ pointer: '/body/lines', code: 'duplicate', message }]);
    }
    const wanted = [...counts]
      .sort((a, b) => a.itemId - b.itemId || a.locationId - b.locationId)
      .map((line): Wanted => ({ line, check: ({ decimals }) => obstacle(line, { onHand: 0, decimals }) }));
    return this.#post(operation, POST_COUNTS, wanted, (each) => wanted.map(({ line }) => each(line)));
  }

  /**
   * Undoes every movement of a group by its opposite.
   *
   * @throws {Problem} 404 for an unknown group, 409 if it was reversed before or the stock has gone since.
   */
  async reverse(operation: Omit<Operation, 'kind' | 'reverses'>, group: number): Promise<Posted> {
    const lines = await this.#database.query<Omit<Line, 'index'> & pg.QueryResultRow>(REVERSED_LINES, [
      group,
    ]);
    if (lines.length === 0) throw notFound('group of movements');
    const numbered = lines.map((line, index) => ({ ...line, index }));
    return this.post({ ...operation, kind: 'reversal', reverses: group }, numbered);
  }

  /** @param lines gives something of each line, as the statement takes it. */
  async #post(
    operation: Operation,
    statement: LedgerStatement,
    wanted: readonly Wanted[],
    lines: (each: (line: Line) => number) => unknown,
  ): Promise<Posted> {
    const { kind, reason, reference, actorId, reverses, idempotency } = operation;
    const common = {
      kind,
      reason: reason ?? null,
      reference: reference ?? null,
      actor: actorId,
      reverses: reverses ?? null,
      items: lines((line) => line.itemId),
      locations: lines((line) => line.locationId),
    };
    let withDecimals = wanted.some(
      ({ line }) => line.decimals > 0 || this.#itemsWithDecimals.has(line.itemId),
    );
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const values: StatementValues = withDecimals
        ? { ...common, quantities: lines((line) => line.delta), decimals: lines((line) => line.decimals) }
        : { ...common, quantities: lines((line) => stepsOf(line.delta, 0)) };
      const { plain, keyed } = withDecimals ? statement.decimals : statement.whole;
      const outcome = idempotency
        ? await this.#tryKeyed(keyed, values, actorId, idempotency)
        : (await this.#database.query<Outcome & pg.QueryResultRow>(plain, inOrder(values)))[0];
      const prior = idempotency && priorAnswer(outcome, idempotency);
      if (prior) return prior;
      if (outcome?.response)
        return { response: outcome.response, replayed: false, moved: outcome.moved ?? 0 };

      // The key may have been used after the statement's snapshot was taken: that answer comes first.
      if (idempotency) {
        const late = priorAnswer(await this.#findKey(actorId, idempotency.key), idempotency);
        if (late) return late;
      }
      const levels = outcome?.levels ?? (await this.#diagnose(wanted));
      refuse(kind, wanted, levels);
      if (!outcome?.levels) await this.#openLevels(wanted, levels as readonly Diagnosis[]);
      for (const [position, { line }] of wanted.entries()) {
        if (!levels[position]?.decimals) continue;
        withDecimals = true;
        this.#remember(line.itemId);
      }
    }
    throw new Problem(503, 'busy', 'Others keep changing the same stock. Try again.', {
      headers: { 'retry-after': '1' },
    });
  }

  async #tryKeyed(
    statement: Statement,
    values: StatementValues,
    actorId: number,
    { key, fingerprint }: IdempotencyKey,
  ): Promise<Outcome | undefined> {
    try {
      const [outcome] = await this.#database.query<Outcome & pg.QueryResultRow>(
        statement,
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

  /** The levels of lines as they are, of which some may not be there. @throws {Problem} for lines that can have none. */
  async #diagnose(wanted: readonly Wanted[]): Promise<readonly Diagnosis[]> {
    const levels = await this.#database.query<Diagnosis & pg.QueryResultRow>(DIAGNOSE, [
      wanted.map(({ line }) => line.itemId),
      wanted.map(({ line }) => line.locationId),
    ]);
    const unknown: ProblemDetail[] = [];
    for (const [index, { line }] of wanted.entries()) {
      const { itemId, locationId } = line;
      const level = levels[index];
      if (!level) throw new Error('the diagnosis has a row for every line');
      const detail = (code: string, message: string) => ({ pointer: '/body/lines', code, message });
      if (!level.itemExists) unknown.push(detail('unknown_item', `There is no item ${itemId}.`));
      else if (!level.locationExists)
        unknown.push(detail('unknown_location', `There is no location ${locationId}.`));
      else if (level.itemArchived) unknown.push(detail('archived_item', `Item ${itemId} is archived.`));
    }
    if (unknown.length > 0) throw invalid(unknown);
    return levels;
  }

  /** Opens the levels that are missing. */
  async #openLevels(wanted: readonly Wanted[], levels: readonly Diagnosis[]): Promise<void> {
    if (levels.every((level) => level.levelExists)) return;
    await this.#database.query(OPEN_LEVELS, [
      wanted.map(({ line }) => line.itemId),
      wanted.map(({ line }) => line.locationId),
    ]);
  }

  #remember(itemId: number): void {
    if (this.#itemsWithDecimals.size >= REMEMBERED_ITEMS) this.#itemsWithDecimals.clear();
    this.#itemsWithDecimals.add(itemId);
  }
}

/** What stands in the way of a line. */
function obstacle(line: Line, { onHand, decimals }: Level): Obstacle | undefined {
  if (line.decimals > decimals) return { code: 'decimals', reason: tooFine(decimals) };
  const delta = stepsOf(line.delta, decimals);
  const text = (steps: number) => String(quantityOf(steps, decimals));
  if (onHand + delta < 0) {
    return { code: 'insufficient_stock', reason: `${text(onHand)} on hand, ${text(-delta)} asked for.` };
  }
  if (onHand + delta <= ON_HAND_LIMIT) return undefined;
  const reason = `${text(onHand)} on hand, ${text(delta)} more would exceed ${text(ON_HAND_LIMIT)}.`;
  return { code: 'quantity_out_of_range', reason };
}

/** The field of a line that has its quantity. */
const fieldOf = (kind: Kind) => (kind === 'adjust' ? 'delta' : kind === 'count' ? 'counted' : 'quantity');

/** @param levels as they are, one for each line. @throws {Problem} for those that cannot change as asked for. */
function refuse(kind: Kind, wanted: readonly Wanted[], levels: readonly Level[]): void {
  const errors: ProblemDetail[] = [];
  for (const [position, { line, check }] of wanted.entries()) {
    const found = levels[position] && check(levels[position]);
    if (!found) continue;
    const { code, reason } = found;
    errors.push(
      code === 'decimals'
        ? { pointer: `/body/lines/${line.index}/${fieldOf(kind)}`, code, message: reason }
        : {
            pointer: '/body/lines',
            code,
            message: `Item ${line.itemId} at location ${line.locationId}: ${reason}`,
          },
    );
  }
  // A line of a transfer has two levels.
  const finer = new Map(
    errors.filter(({ code }) => code === 'decimals').map((error) => [error.pointer, error]),
  );
  if (finer.size > 0) throw invalid([...finer.values()]);
  if (errors.some(({ code }) => code === 'insufficient_stock')) {
    throw new Problem(409, 'insufficient_stock', 'There is not enough stock; nothing was moved.', { errors });
  }
  if (errors.length > 0) {
    throw new Problem(422, 'quantity_out_of_range', 'Stock would exceed what a location holds.', { errors });
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
