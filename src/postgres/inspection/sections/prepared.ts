import { literal } from '../../../system/sql.js';
import { column } from '../column.js';
import { defineSection } from '../section.js';
import { secondsSince } from '../sql-parts.js';
import { identifierOnOneLine, psqlCommand } from '../words.js';

/** Prepared transactions that were neither committed nor rolled back. */
export const prepared = defineSection({
  id: 'prepared',
  title: 'Prepared transactions',
  meaning:
    'First half of a commit in two phases. One that nobody ends outlives every restart, keeps its locks, and keeps VACUUM from removing anything.',
  columns: {
    name: column('text', 'id', 'as given to PREPARE TRANSACTION'),
    database: column('text', 'database'),
    role: column('text', 'role'),
    seconds: column('seconds', 'since'),
    age: column('count', 'age', 'in transactions'),
  },
  sql: () => `
SELECT gid AS name, database, owner AS role, ${secondsSince('prepared')} AS seconds, age(transaction) AS age
FROM pg_prepared_xacts ORDER BY prepared, gid`,
  dangers: (rows, _server, { transactionMinutes }) =>
    rows
      .filter(({ seconds }) => seconds > transactionMinutes * 60)
      .map(({ name, database, role, seconds }) => ({
        weight: 'warn',
        message: `the transaction ${identifierOnOneLine(name)} of ${role} was prepared ${Math.floor(seconds / 60)} min ago, and nobody has ended it`,
        next: `ask its transaction manager; where that is gone: ${psqlCommand(`ROLLBACK PREPARED ${literal(name)}`, database)}      (or COMMIT PREPARED)`,
      })),
});
