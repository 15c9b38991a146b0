import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { MOST_ROWS, OF_PEOPLE } from '../sql-parts.js';
import { psqlCommand, qualified, shown } from '../words.js';

/** Factor over the number of dead rows at which autovacuum begins, above which it lags. */
const LAG_TIMES = 10;
const LAG_ROWS = 100_000;

const option = (name: string, type: string) =>
  `coalesce((SELECT option_value::${type} FROM pg_options_to_table(c.reloptions) WHERE option_name = '${name}'),
    current_setting('${name}')::${type})`;

/** Dead rows that autovacuum has not removed. */
export const vacuum = defineSection({
  id: 'vacuum',
  title: 'Vacuum',
  meaning:
    'Dead rows are old versions that VACUUM has still to remove; autovacuum begins when a table has more than the number beside it.',
  columns: {
    schema: column('text', 'schema'),
    table: column('text', 'table'),
    live: column('count', 'live rows'),
    dead: column('count', 'dead rows'),
    begins: column('count', 'begins at', 'dead rows'),
    vacuumedAt: optional('time', 'last vacuum'),
    analyzedAt: optional('time', 'last analyze'),
    running: column('flag', 'at work now'),
    enabled: column('flag', 'autovacuum', 'false: switched off for this table, or for all'),
  },
  sql: () => `
SELECT n.nspname AS schema, c.relname AS "table", coalesce(s.n_live_tup, 0) AS live, coalesce(s.n_dead_tup, 0) AS dead,
  (${option('autovacuum_vacuum_threshold', 'bigint')}
    + ${option('autovacuum_vacuum_scale_factor', 'float8')} * greatest(c.reltuples, 0))::bigint AS begins,
  greatest(s.last_vacuum, s.last_autovacuum) AS "vacuumedAt", greatest(s.last_analyze, s.last_autoanalyze) AS "analyzedAt",
  EXISTS (SELECT FROM pg_stat_progress_vacuum p WHERE p.relid = c.oid) AS running,
  (current_setting('autovacuum')::bool AND coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions)
    WHERE option_name = 'autovacuum_enabled'), true)) AS enabled
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND ${OF_PEOPLE} AND s.n_dead_tup > 0
ORDER BY 4 DESC, 1, 2 LIMIT ${MOST_ROWS}`,
  dangers: (rows, { replica }) =>
    // A replica does not vacuum, and has its own counters.
    (replica ? [] : rows)
      .filter(({ dead, begins, running }) => !running && dead >= LAG_ROWS && dead >= LAG_TIMES * begins)
      .map(
        ({ schema, table, dead, live, enabled }): Advice => ({
          weight: 'warn',
          message: `${shown(schema, table)} has ${dead.toLocaleString('en')} dead rows beside ${live.toLocaleString('en')} live ones${enabled ? ', and autovacuum has not removed them' : ': autovacuum is off for it'}`,
          next: `${psqlCommand(`VACUUM (ANALYZE, VERBOSE) ${qualified(schema, table)}`)}      (it says what it may not remove, and because of whom)`,
        }),
      ),
});
