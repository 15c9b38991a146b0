import { z } from 'zod';
import type { Session } from '../../engine/database-access.js';
import { UserError } from '../../errors.js';
import { findDatabase } from '../../postgres/database.js';
import { withSession } from '../../postgres/open-session.js';
import { assertTakesWrites, waitingBriefly } from '../../postgres/server-sessions.js';
import { startDatabase } from '../../postgres/start-database.js';
import {
  assertFree,
  compareCopy,
  copyOut,
  dropCopy,
  makeCopy,
  type PutBack,
  readDefinition,
  type TableDefinition,
  type TableDifference,
  typesHere,
} from '../../postgres/table-copy.js';
import { findTable, readName, type Table } from '../../postgres/tables.js';
import { identifier, literal } from '../../system/sql.js';
import type { ServiceContext } from '../context.js';
import { operation, perform } from '../operation.js';
import type { Target } from './moment.js';
import { besideSchema, planBeside, type RestoreToStep, takeBack, withFoundDatabase } from './restore-to.js';
import { inScratch } from './scratch-server.js';

const RESTORE_TABLE = 'db restore --table';
/** PostgreSQL cuts longer identifiers, in bytes. */
const IDENTIFIER_BYTES = 63;

const stateSchema = besideSchema.extend({
  /** Quoted names of tables that were created, or were about to be. */
  copies: z.array(z.string()),
  /** Comment on each of them. */
  comment: z.string(),
});

type State = z.infer<typeof stateSchema>;

/** Everything is reverted until every table is complete. */
export const restoreTableOperation = operation({
  name: RESTORE_TABLE,
  state: stateSchema,
  steps: ['recover', 'copy', 'remove'],
  final: 'remove',
  async reopen(context) {
    const database = await findDatabase(await context.engine(), context.project());
    await startDatabase(context, database);
    return database;
  },
  finish: {
    applies: async (_context, _database, { step }) => step === 'remove',
    async complete(context, database, { state }) {
      await takeBack(context, database, state);
      return `${state.copies.join(', ')} ${state.copies.length === 1 ? 'is' : 'are'} there`;
    },
  },
  async revert(context, database, { state }) {
    await withSession(database, { applicationName: `invctl ${RESTORE_TABLE}` }, async (session) => {
      for (const copy of state.copies) await dropCopy(session, copy, state.comment);
    });
    await takeBack(context, database, state);
    return `${database.name} is as it was before the restore`;
  },
});

export interface RestoreTablesInput {
  target: Target;
  /** As typed. */
  tables: readonly string[];
  /** Name of the new table, as typed; only with one table. */
  into?: string;
  onStep?: (step: RestoreToStep | 'copy', table?: string) => void;
}

/** A table as it was, restored beside the live one. */
export interface RestoredTable {
  /** Quoted where necessary, like the other names. */
  table: string;
  into: string;
  rows: number;
  /** Null: there is no such table any more. */
  difference: TableDifference | null;
  putBack: PutBack & {
    /** SQL that renames the copy to the table's name; null: the name is taken. */
    rename: string | null;
  };
  /** What the copy lacks, or has differently, as text for a person. */
  notes: string[];
  /** Other tables whose rows a deletion from this one also deleted or changed. */
  followers: string[];
}

export interface RestoredTables {
  /** Folder of the base backup. */
  from: string;
  moment: Date | null;
  /** When the last restored transaction was committed; null: none since the base backup. */
  lastCommit: Date | null;
  tables: RestoredTable[];
}

/**
 * Restores tables as they were, each into a new one beside the live one. Nothing else is restored, and the
 * live table stays as it is.
 *
 * @throws UserError TABLE_NOT_FOUND, TABLE_EXISTS, NOT_A_TABLE, NOT_PROTECTED, TARGET_OUTSIDE, and of {@link
 * recoverBeside}.
 */
export async function restoreTables(
  context: ServiceContext,
  input: RestoreTablesInput,
): Promise<RestoredTables> {
  return withFoundDatabase(context, RESTORE_TABLE, async (database) => {
    const { id, moment, base, recover, ...planned } = await planBeside(context, database, input);
    const { folders } = planned.state;
    const options = { applicationName: `invctl ${RESTORE_TABLE}`, signal: context.signal };
    // Checks everything that can be refused before anything is created.
    await withSession(database, options, async (session) => {
      await assertTakesWrites(session);
      for (const typed of input.tables) await nameOfCopy(session, input, await liveTable(session, typed));
    });
    const comment = `made by invctl ${RESTORE_TABLE}, ${id}`;
    const state: State = { ...planned.state, copies: [], comment };
    return perform(restoreTableOperation, context, { id, state, subject: database }, async (run) => {
      await run.begin('recover');
      const scratch = await recover();
      const tables: RestoredTable[] = [];
      await inScratch(context, scratch, async () => {
        const found: { table: Table; definition: TableDefinition; file: string }[] = [];
        await withSession(scratch.database, options, async (session) => {
          for (const typed of input.tables) {
            const table = await findTable(session, typed, 'at that moment');
            const definition = await readDefinition(session, table);
            found.push({ table, definition, file: `${folders.incoming}/table-${found.length}.copy` });
          }
          for (const { table, definition, file } of found) {
            input.onStep?.('copy', table.quoted);
            await copyOut(session, table, definition, file);
          }
        });
        await withSession(database, options, async (session) => {
          for (const { table, definition, file } of found) {
            input.onStep?.('copy', table.quoted);
            const into = await nameOfCopy(session, input, table);
            state.copies.push(into);
            await run.begin('copy');
            const columns = await typesHere(session, definition);
            const notes = await makeCopy(session, definition, columns, table, { into, comment, file });
            input.onStep?.('compare', table.quoted);
            const live = await liveTable(session, table.quoted);
            const compared =
              live &&
              (await waitingBriefly(session, () =>
                compareCopy(session, into, columns, definition.key, live),
              ));
            tables.push({
              table: table.quoted,
              into,
              rows: compared?.difference.rows ?? (await countOf(session, into)),
              difference: compared?.difference ?? null,
              putBack: compared
                ? { ...compared.putBack, rename: null }
                : {
                    insert: null,
                    update: null,
                    rename: `ALTER TABLE ${into} RENAME TO ${identifier(table.name)}`,
                  },
              notes,
              followers: followersOf(definition).filter((name) =>
                found.every((one) => one.table.quoted !== name),
              ),
            });
          }
        });
      });
      await run.begin('remove');
      await takeBack(context, database, state);
      return { from: base.folder, moment, lastCommit: scratch.lastCommit, tables };
    });
  });
}

async function countOf(session: Session, table: string): Promise<number> {
  const [found] = await session.rows<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`);
  return found?.rows ?? 0;
}

/** By pg_constraint.confdeltype: cascade, set null, set default. */
function followersOf({ referrers }: TableDefinition): string[] {
  return referrers.filter(({ onDelete }) => 'cnd'.includes(onDelete)).map(({ table }) => table);
}

async function liveTable(session: Session, typed: string): Promise<Table | undefined> {
  try {
    return await findTable(session, typed, 'now');
  } catch (error) {
    if (error instanceof UserError && ['TABLE_NOT_FOUND', 'NOT_A_TABLE'].includes(error.code))
      return undefined;
    throw error;
  }
}

/**
 * Quoted name of the copy, in the table's schema if that exists.
 * @throws UserError TABLE_EXISTS, SCHEMA_MISSING
 */
async function nameOfCopy(
  session: Session,
  { into, target }: Pick<RestoreTablesInput, 'into' | 'target'>,
  table: Pick<Table, 'schema' | 'name'> | undefined,
): Promise<string> {
  const schema = table?.schema ?? 'public';
  if (into !== undefined) {
    const named = readName(into)[0]?.folded ?? { name: into };
    return assertFree(session, named.schema ?? schema, named.name);
  }
  if (!table) return '';
  const suffix = suffixOf(target);
  let base = table.name;
  while (Buffer.byteLength(base) + suffix.length > IDENTIFIER_BYTES) base = base.slice(0, -1);
  const there = await session.rows(`SELECT 1 AS there FROM pg_namespace WHERE nspname = ${literal(schema)}`);
  return assertFree(session, there.length > 0 ? schema : 'public', base + suffix);
}

/** `_at_20261129_140503`, in the machine's time zone, as the time was asked for. */
function suffixOf(target: Target): string {
  if (target.kind === 'before') return `_before_${target.transaction}`;
  const at = target.kind === 'moment' ? target.at : new Date();
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  return `_at_${day}_${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}
