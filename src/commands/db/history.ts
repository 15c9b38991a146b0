import { command } from '../../cli/command.js';
import { number, parsed, required } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { table } from '../../output/table.js';
import { TransferLine } from '../../output/transfer-line.js';
import { formatBytes } from '../../output/units.js';
import { type History, tableHistory } from '../../services/protection/history.js';
import { type HistoryLine, historyLines, likelyAccident } from '../../services/protection/history-lines.js';
import { parseTarget, sayMoment } from '../../services/protection/moment.js';
import { formatArgv } from '../../system/argv.js';

const LIMIT = 20;
/** Most changes that are read so that those which are alike can be told together. */
const READ = 2000;
const DAY_MS = 86_400_000;

export default command({
  summary: 'what changed a table and when: finds the second to bring back',
  examples: [
    'invctl db history orders',
    'invctl db history orders --since 7d-ago --limit 100',
    'invctl db restore --to-before 48213 --table orders      (of TRANSACTION)',
  ],
  args: { table: required('with its schema where it is not in `public`; also one that was dropped') },
  flags: {
    limit: number('changes', 'lines to show at most; with --json, changes', {
      initial: LIMIT,
      whole: true,
      above: 0,
    }),
    since: parsed('time', 'how far to look back: 7d-ago or "2026-11-29 14:05"', sinceOf, {
      otherwise: '24h-ago',
    }),
  },
  notes:
    'It reads what `db protect` has received, newest first, and asks the database for the table alone.\nA change of one transaction is one line, whatever the number of its statements; four and more that are alike\nare told together.',
  data: (z) =>
    z.object({
      table: z.string(),
      exists: z.boolean().describe('false: the changes are of every table that was dropped'),
      changes: z.array(
        z.object({
          transaction: z.int().describe('for db restore --to-before'),
          committedAt: z.string().describe('ISO time'),
          lsn: z.string(),
          inserted: z.int(),
          updated: z.int(),
          deleted: z.int(),
          whole: z
            .enum(['created', 'truncated', 'rewritten', 'dropped'])
            .nullable()
            .describe('what happened to all of the table; null: to rows alone'),
        }),
      ),
      more: z.boolean().describe('there may be more, further back'),
      from: z.string().nullable().describe('ISO time: of what was before, nothing is known'),
      bytes: z.int().describe('of WAL that were read'),
    }),
  async run(context, { args, flags: { limit, since = new Date(Date.now() - DAY_MS) } }) {
    const line = new TransferLine(await context.output.progress());
    try {
      const history = await tableHistory(context, {
        table: args.table,
        limit: Math.max(limit, READ),
        since,
        onProgress: (bytes, expected) => line.show('read the WAL', { bytes, expected }),
      });
      line.done(`${formatBytes(history.bytes)} of WAL read`);
      const { databaseGone: _gone, ...data } = history;
      return {
        data: {
          ...data,
          from: history.from?.toISOString() ?? null,
          more: history.more || history.changes.length > limit,
          changes: history.changes.slice(0, limit).map((change) => ({
            ...change,
            committedAt: change.committedAt.toISOString(),
            lsn: sayLsn(change.lsn),
          })),
        },
        text: describe(history, limit),
      };
    } catch (error) {
      line.failed('the history cannot be read');
      throw error;
    }
  },
});

function describe(history: History, limit: number): string {
  const { table: name, exists, databaseGone, changes, more, from } = history;
  const back = from === null ? 'no WAL was received' : `looked back until ${sayMoment(from)}`;
  const all = historyLines(changes);
  const lines = all.slice(0, limit);
  const accident = likelyAccident(lines);
  if (!accident) return sayNone(history, back);
  const transaction = String(accident.transaction);
  const before = ['invctl', 'db', 'restore', '--to-before', transaction];
  const cell = (rows: number) => (rows === 0 ? '' : rows.toLocaleString('en'));
  return [
    ...(databaseGone === undefined
      ? exists
        ? []
        : [`there is no table ${name} now; these transactions dropped a table:`]
      : [`the server has no database ${databaseGone} now; these transactions dropped a database:`]),
    table(
      ['COMMITTED', 'TRANSACTION', 'INSERTED', 'UPDATED', 'DELETED', ''],
      lines.map((line) => [
        sayMoment(line.committedAt),
        String(line.transaction),
        cell(line.inserted),
        cell(line.updated),
        cell(line.deleted),
        line.whole ?? sayAlike(line),
      ]),
    ),
    more || all.length > limit ? `there may be more:  --limit 100, --since 7d-ago` : back,
    ...(databaseGone === undefined
      ? [`the table as it was before ${transaction}:  ${formatArgv([...before, '--table', name])}`]
      : []),
    `the whole ${databaseGone === undefined ? 'database' : 'server'}:  ${formatArgv(before)}`,
  ].join('\n');
}

function sayNone({ table: name, exists, databaseGone }: History, back: string): string {
  if (databaseGone !== undefined)
    return `the server has no database ${databaseGone}, and none was dropped; ${back}`;
  return exists
    ? `no change of ${name} is known; ${back}\nfurther back:  ${formatArgv(['invctl', 'db', 'history', name, '--since', '7d-ago'])}`
    : `there is no table ${name}, and none was dropped; ${back}`;
}

function sayAlike({ transactions, first }: HistoryLine): string {
  return transactions === 1 ? '' : `in ${transactions}, from ${first.transaction} on`;
}

function sayLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** @throws UserError USAGE (exit 2) */
function sinceOf(text: string): Date {
  const target = parseTarget(text);
  if (target.kind === 'moment') return target.at;
  throw usageError('--since names a time', '--since 7d-ago');
}
