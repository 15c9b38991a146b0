import type { Session } from '../../engine/database-access.js';
import { ExitCode, UserError } from '../../errors.js';
import { compareContent, hashLargeObjects } from '../../postgres/content-hash.js';
import type { DatabaseFacts } from '../../postgres/database-facts.js';
import { differencesOfObjects, warningsOfRestore } from '../../postgres/objects.js';
import { describeLag, type SequenceLag, sequencesThatLag } from '../../postgres/sequence-lag.js';
import { nameKey } from '../../postgres/sql-names.js';

/** What is known about the database that a backup is of; a plain SQL dump tells only some of the tables. */
export type Expected = Pick<DatabaseFacts, 'tables'> &
  Partial<Pick<DatabaseFacts, 'objects' | 'sequences' | 'largeObjects'>>;

export interface ProofOptions {
  /** Level 3: compare the content of every table as well. */
  content?: boolean;
  /** Receives differences that the backup itself already had and that are not errors of the restore. */
  warn: (message: string) => void;
}

export interface Proof {
  /** Tables whose content could not be compared with the backup's. */
  incomparable: string[];
}

/**
 * Level 2: the restored database has the tables, rows and objects of the backup, no constraint, index or
 * trigger is weaker than it was, and no sequence has fallen behind its column. Level 3: the tables
 * and the large objects have the same content.
 *
 * @param facts of `session`'s database.
 * @throws UserError RESTORE_INCOMPLETE (exit 8) naming each difference.
 */
export async function proveRestored(
  session: Session,
  facts: DatabaseFacts,
  expected: Expected,
  { content = false, warn }: ProofOptions,
): Promise<Proof> {
  const lags = (await sequencesThatLag(session)).map((lag) => ({
    lag,
    lost: hasFallen(lag, facts, expected),
  }));
  const { different, incomparable } = content
    ? await compareContent(session, sharedTables(expected.tables, facts.tables))
    : { different: [], incomparable: [] };
  const differences = [
    ...compareTables(expected.tables, facts.tables, expected.objects !== undefined),
    ...different.map((name) => `the content of ${name} differs`),
    ...(expected.objects ? differencesOfObjects(expected.objects, facts.objects) : []),
    ...missingSequences(expected, facts),
    ...(await differencesOfLargeObjects(session, facts, expected, content)),
    ...lags.filter(({ lost }) => lost).map(({ lag }) => describeLag(lag)),
  ];
  if (differences.length > 0) throw incomplete(differences);
  if (expected.objects)
    for (const warning of warningsOfRestore(expected.objects, facts.objects)) warn(warning);
  for (const { lag } of lags) if (lag.collides) warn(describeLag(lag));
  if (incomparable.length > 0) {
    warn(
      `the content of ${incomparable.join(', ')} is not compared: its hash is of an earlier invctl or of another kind of machine. One that compares: invctl db backup --level 3`,
    );
  }
  return { incomparable };
}

function incomplete(differences: string[]): UserError {
  return new UserError({
    code: 'RESTORE_INCOMPLETE',
    message: `the restored database is not what the backup was of:\n${differences.slice(0, 20).join('\n')}`,
    hint: 'take another backup, or restore an earlier one: invctl db list',
    exitCode: ExitCode.dataUnverified,
    details: { differences },
  });
}

/**
 * Whether the sequence is behind where it was in the backup. A sequence that lagged in the backup is not an
 * error.
 */
function hasFallen({ sequence, descending }: SequenceLag, facts: DatabaseFacts, expected: Expected): boolean {
  const lastOf = (sequences: DatabaseFacts['sequences'] = []) => {
    const last = sequences.find(({ name }) => name === sequence)?.lastValue;
    return last === undefined || last === null ? undefined : BigInt(last);
  };
  const before = lastOf(expected.sequences);
  const now = lastOf(facts.sequences);
  if (before === undefined) return false;
  return now === undefined || (descending ? now > before : now < before);
}

function missingSequences({ sequences = [] }: Expected, facts: DatabaseFacts): string[] {
  const found = new Set(facts.sequences.map(({ name }) => name));
  return sequences
    .filter(({ name }) => !found.has(name))
    .map(({ name }) => `the sequence ${name} is missing`);
}

async function differencesOfLargeObjects(
  session: Session,
  facts: DatabaseFacts,
  { largeObjects: expected }: Expected,
  content: boolean,
): Promise<string[]> {
  if (expected === undefined) return [];
  const count = facts.largeObjects?.count;
  if (count !== expected.count) return [`${count} large objects in place of ${expected.count}`];
  if (!content || expected.contentHash === undefined) return [];
  const kind = (hash = '') => hash.split(':').slice(0, 2).join(':');
  const found = await hashLargeObjects(session);
  if (kind(found) !== kind(expected.contentHash) || found === expected.contentHash) return [];
  return ['the content of the large objects differs'];
}

function sharedTables(
  expected: DatabaseFacts['tables'],
  found: DatabaseFacts['tables'],
): DatabaseFacts['tables'] {
  const rows = new Map(found.map((table) => [table.name, table.rows]));
  return expected.filter((table) => rows.get(table.name) === table.rows);
}

/** @param all whether `expected` names every table; a plain SQL dump may not. */
function compareTables(
  expected: DatabaseFacts['tables'],
  found: DatabaseFacts['tables'],
  all: boolean,
): string[] {
  const rows = new Map(found.map((table) => [nameKey(table.name), table.rows]));
  const names = new Set(expected.map(({ name }) => nameKey(name)));
  return [
    ...expected.flatMap((table) => {
      const other = rows.get(nameKey(table.name));
      if (other === undefined) return [`the table ${table.name} is missing`];
      return other === table.rows ? [] : [`${table.name} has ${other} rows in place of ${table.rows}`];
    }),
    ...found
      .filter(({ name }) => all && !names.has(nameKey(name)))
      .map(({ name }) => `the table ${name} should not be there`),
  ];
}
