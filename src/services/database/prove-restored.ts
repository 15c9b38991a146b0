import { ExitCode, UserError } from '../../errors.js';
import type { Facts } from './manifest.js';
import { probeSequences } from './sequence-probe.js';
import type { Session } from './session.js';

/**
 * Level 2: what was restored has the tables, rows and objects that the backup had, every constraint and index is
 * valid, and every sequence gives a value that can be inserted.
 *
 * @param facts of `session`'s database.
 * @throws UserError RESTORE_INCOMPLETE (exit 8) naming each difference.
 */
export async function proveRestored(
  session: Session,
  facts: Facts,
  expected: Pick<Facts, 'tables'> & Partial<Pick<Facts, 'objects' | 'sequences'>>,
): Promise<void> {
  const differences = [
    ...compareTables(expected.tables, facts.tables, expected.objects !== undefined),
    ...(expected.objects ? compareObjects(expected.objects, facts.objects) : []),
    ...(expected.sequences
      ? expected.sequences
          .filter(({ name }) => !facts.sequences.some((sequence) => sequence.name === name))
          .map(({ name }) => `the sequence ${name} is missing`)
      : []),
    ...(await invalidIndexes(session)),
    ...(await probeSequences(session)),
  ];
  if (differences.length === 0) return;
  throw new UserError({
    code: 'RESTORE_INCOMPLETE',
    message: `the restored database is not what the backup was of:\n${differences.slice(0, 20).join('\n')}`,
    hint: 'take another backup, or restore an earlier one: invctl db list',
    exitCode: ExitCode.dataUnverified,
    details: { differences },
  });
}

/** @param all whether `expected` names every table there is; the text of a dump need not. */
function compareTables(expected: Facts['tables'], found: Facts['tables'], all: boolean): string[] {
  const rows = new Map(found.map((table) => [table.name, table]));
  const names = new Set(expected.map(({ name }) => name));
  return [
    ...expected.flatMap((table) => {
      const other = rows.get(table.name);
      if (!other) return [`the table ${table.name} is missing`];
      if (other.rows !== table.rows) {
        return [`${table.name} has ${other.rows} rows in place of ${table.rows}`];
      }
      if (table.contentHash && other.contentHash && other.contentHash !== table.contentHash) {
        return [`the content of ${table.name} differs`];
      }
      return [];
    }),
    ...found
      .filter(({ name }) => all && !names.has(name))
      .map(({ name }) => `the table ${name} should not be there`),
  ];
}

function compareObjects(expected: Facts['objects'], found: Facts['objects']): string[] {
  const kinds = ['indexes', 'constraints', 'triggers', 'functions', 'views'] as const;
  return [
    ...kinds
      .filter((kind) => expected[kind] !== found[kind])
      .map((kind) => `${found[kind]} ${kind} in place of ${expected[kind]}`),
    ...found.notValidated
      .filter((name) => !expected.notValidated.includes(name))
      .map((name) => `the constraint ${name} is not valid`),
  ];
}

async function invalidIndexes(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    'SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid',
  );
  return rows.map(({ name }) => `the index ${name} is not valid`);
}
