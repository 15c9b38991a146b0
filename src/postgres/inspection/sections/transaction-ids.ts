import { column } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { psqlCommand } from '../words.js';

/** Number of ids ahead of any transaction; the server stops accepting writes 3 million before that. */
const ALL_IDS = 2_147_483_648;
/** Default of vacuum_failsafe_age: from this age on VACUUM skips all other work. */
const FAIL_AGE = 1_600_000_000;
/** autovacuum begins at 200 million; a higher age such as this one means that it does not keep up. */
const WARN_AGE = 500_000_000;
const HIGHEST_WARN_AGE = 1_000_000_000;

function weightOf(age: number, freezeMaxAge: number): Advice['weight'] | undefined {
  if (age >= FAIL_AGE) return 'fail';
  return age >= Math.min(HIGHEST_WARN_AGE, Math.max(WARN_AGE, 2 * freezeMaxAge)) ? 'warn' : undefined;
}

/** The age of the oldest transaction id in each database. */
export const transactionIds = defineSection({
  id: 'transaction-ids',
  title: 'Transaction ids',
  meaning:
    'PostgreSQL has about 2 billion of them ahead, and VACUUM makes old ones free again. At the end of them the server takes no more writes. Something that holds VACUUM back (an old transaction, a prepared one, a slot) is the usual reason.',
  columns: {
    database: column('text', 'database'),
    age: column('count', 'age', 'in transactions'),
    usedPercent: column('percent', 'used'),
    multixactAge: column('count', 'multixact age', 'of row locks that several transactions share'),
    multixactPercent: column('percent', 'used'),
  },
  sql: () => `
SELECT datname AS database, age(datfrozenxid) AS age, round(100.0 * age(datfrozenxid) / ${ALL_IDS}, 1) AS "usedPercent",
  mxid_age(datminmxid) AS "multixactAge", round(100.0 * mxid_age(datminmxid) / ${ALL_IDS}, 1) AS "multixactPercent"
FROM pg_database ORDER BY greatest(age(datfrozenxid), mxid_age(datminmxid)) DESC, 1`,
  dangers: (rows, { freezeMaxAge, multixactFreezeMaxAge }) =>
    rows.flatMap(({ database, age, multixactAge }): Advice[] =>
      [
        { what: 'transaction ids', years: age, weight: weightOf(age, freezeMaxAge) },
        { what: 'multixact ids', years: multixactAge, weight: weightOf(multixactAge, multixactFreezeMaxAge) },
      ].flatMap(({ what, years, weight }) =>
        weight === undefined
          ? []
          : [
              {
                weight,
                message: `the database ${database} has used ${Math.floor((100 * years) / ALL_IDS)} % of its ${what}, and autovacuum does not free them: at 100 % the server takes no more writes`,
                next: `end what holds VACUUM back (invctl db inspect --section transactions,prepared,slots), then: ${psqlCommand('VACUUM (FREEZE, VERBOSE)', database)}`,
              },
            ],
      ),
    ),
});
