import type { Context } from '../../cli/context.js';
import { usageError } from '../../errors.js';
import type { Zod } from '../../output/shapes.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count } from '../../output/units.js';
import { parseTarget, parseTransaction, sayMoment } from '../../services/protection/moment.js';
import { type RestoredTable, restoreTables } from '../../services/protection/restore-table.js';
import { formatArgv } from '../../system/argv.js';
import { isoOrNull } from './restore-to.js';
import { broughtBack } from './shapes.js';

export const INTO_EXAMPLE = 'invctl db restore --to 5m-ago --table orders --into orders_before';

/** What `db restore --table` reports. */
export const restoredTables = (z: Zod) =>
  z.object({
    from: z.string().describe('folder of the base backup that it was made of'),
    moment: broughtBack(z).describe('what was asked for; null: the last one, or before a transaction'),
    lastCommit: broughtBack(z).describe('of the last transaction; null: none since the base backup'),
    tables: z.array(
      z.object({
        table: z.string().describe('with its schema, quoted where it has to be'),
        into: z.string().describe('the new table, which has it as it was'),
        rows: z.int(),
        difference: z
          .object({
            rows: z.int(),
            rowsNow: z.int(),
            onlyThen: z.int(),
            onlyNow: z.int(),
            changed: z.int().nullable().describe('the same key, another content; null: no key'),
          })
          .nullable()
          .describe('null: there is no such table now'),
        putBack: z
          .object({
            insert: z.string().nullable(),
            update: z.string().nullable(),
            rename: z.string().nullable(),
          })
          .describe('SQL that puts back what is missing, what was changed, and a table that is gone'),
        notes: z.array(z.string()).describe('what the new table has not, or has otherwise'),
        followers: z.array(z.string()).describe('tables that a deletion from this one changed as well'),
      }),
    ),
  });

/** `db restore --to … --table`. */
export async function restoreTableCopies(
  context: Context,
  flags: {
    to?: string | undefined;
    toBefore?: string | undefined;
    table: string[];
    into?: string | undefined;
  },
) {
  const { to, toBefore, table: tables, into } = flags;
  if (to === undefined && toBefore === undefined) {
    throw usageError('--table needs --to or --to-before', 'invctl db restore --to 5m-ago --table orders');
  }
  if (into !== undefined && tables.length > 1) {
    throw usageError('--into names one table, and --table several', INTO_EXAMPLE);
  }
  const target = to === undefined ? parseTransaction(toBefore as string) : parseTarget(to);
  if (target.kind === 'moment') context.output.note(`the moment is ${sayMoment(target.at)}`);
  const line = new TransferLine(await context.output.progress());
  try {
    const result = await restoreTables(context, {
      target,
      tables,
      ...(into === undefined ? {} : { into }),
      onStep: (step, table) => line.show(table === undefined ? step : `${step} ${table}`, { bytes: 0 }),
    });
    line.done(`${count(result.tables.length, 'table')} brought back beside the live one`);
    const { moment, lastCommit } = result;
    return {
      data: { ...result, moment: isoOrNull(moment), lastCommit: isoOrNull(lastCommit) },
      text: result.tables.map(describe).join('\n\n'),
    };
  } catch (error) {
    line.failed('not brought back; nothing was changed');
    throw error;
  }
}

function describe({ table, into, rows, difference, putBack, notes, followers }: RestoredTable): string {
  const psql = (sql: string) => `  ${formatArgv(['invctl', 'db', 'psql', '--', '-c', sql])}`;
  return [
    `${into} is ${table} as it was: ${count(rows, 'row')}`,
    difference === null
      ? `there is no ${table} now`
      : `${count(difference.rowsNow, 'row')} now: ${sayDifference(difference)}`,
    ...notes.map((note) => `note: ${note}`),
    ...followers.map(
      (name) =>
        `note: what was deleted from ${table} changed ${name} as well: --table ${name} brings it back`,
    ),
    'look at it:',
    psql(`SELECT * FROM ${into} LIMIT 20`),
    ...(putBack.insert === null ? [] : ['put back the rows that are missing now:', psql(putBack.insert)]),
    ...(putBack.update === null ? [] : ['put back the rows that were changed:', psql(putBack.update)]),
    ...(putBack.rename === null ? [] : ['put it in its place:', psql(putBack.rename)]),
    'when it is no longer needed:',
    psql(`DROP TABLE ${into}`),
  ].join('\n');
}

function sayDifference({ onlyThen, onlyNow, changed }: NonNullable<RestoredTable['difference']>): string {
  if (onlyThen + onlyNow + (changed ?? 0) === 0) return 'no row differs';
  const number = (rows: number) => rows.toLocaleString('en');
  return [
    `${number(onlyThen)} ${onlyThen === 1 ? 'is' : 'are'} missing now`,
    `${number(onlyNow)} ${onlyNow === 1 ? 'is' : 'are'} new`,
    changed === null ? 'without a primary key a changed row is one of each' : `${number(changed)} changed`,
  ].join(', ');
}
