import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { identifierOnOneLine, psqlCommand } from '../words.js';

/** Databases whose collation was made by another version of the system's library. */
export const collations = defineSection({
  id: 'collations',
  title: 'Collations',
  meaning:
    'Indexes on text are in the order of the C library (or ICU) that made them. An image on another release of its system may sort otherwise: then an index misses rows, and unique keys let duplicates in.',
  columns: {
    database: column('text', 'database'),
    collation: column('text', 'collation'),
    madeWith: optional('text', 'made with', 'null: its order is no library’s'),
    hasNow: optional('text', 'has now'),
  },
  sql: () => `
SELECT datname AS database, datcollate AS collation, datcollversion AS "madeWith",
  pg_database_collation_actual_version(oid) AS "hasNow"
FROM pg_database WHERE datallowconn ORDER BY datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) DESC, 1`,
  dangers: (rows) =>
    rows
      .filter(({ madeWith, hasNow }) => madeWith !== null && hasNow !== null && madeWith !== hasNow)
      .map(
        ({ database, collation, madeWith, hasNow }): Advice => ({
          weight: 'warn',
          message: `the order of text (${collation}) in the database ${database} was made by version ${madeWith} of the system's library, which is ${hasNow} now: indexes on text may miss rows`,
          next: `${psqlCommand(`REINDEX DATABASE ${identifierOnOneLine(database)}`, database)}      (writes wait meanwhile), then: ${psqlCommand(`ALTER DATABASE ${identifierOnOneLine(database)} REFRESH COLLATION VERSION`, database)}`,
        }),
      ),
});
