import type { Session } from '../engine/database-access.js';
import { identifier, literal } from '../system/sql.js';
import type { DatabaseFacts } from './database-facts.js';
import { assertTakesWrites } from './server-sessions.js';

/**
 * Creates an empty database with the properties of another one: encoding, locale, owner, and the tablespace
 * if the server has it.
 * @throws UserError SERVER_READ_ONLY
 */
export async function createDatabase(
  session: Session,
  name: string,
  like: DatabaseFacts['database'],
): Promise<void> {
  await assertTakesWrites(session);
  await refreshTemplate(session);
  const { localeProvider, locale, icuRules, tablespace = 'pg_default' } = like;
  const provider =
    localeProvider === 'libc'
      ? ''
      : `LOCALE_PROVIDER ${localeProvider} ${localeProvider === 'icu' ? 'ICU_LOCALE' : 'BUILTIN_LOCALE'} ${literal(locale ?? '')}`;
  const [place] = await session.rows(
    `SELECT FROM pg_tablespace WHERE spcname = ${literal(tablespace)} AND spcname <> 'pg_default'`,
  );
  await session.run(
    `CREATE DATABASE ${identifier(name)} WITH TEMPLATE template0 OWNER ${identifier(like.owner)}
       ENCODING ${literal(like.encoding)} LC_COLLATE ${literal(like.collate)} LC_CTYPE ${literal(like.ctype)} ${provider}
       ${icuRules ? `ICU_RULES ${literal(icuRules)}` : ''} ${place ? `TABLESPACE ${identifier(tablespace)}` : ''};`,
  );
}

/**
 * After an update of the operating system, PostgreSQL (since 15) refuses to use a template whose collation
 * had another version when it was made. This updates the version of template0, in which nothing is sorted by
 * that collation.
 */
async function refreshTemplate(session: Session): Promise<void> {
  const stale = await session.rows(
    `SELECT FROM pg_database d WHERE datname = 'template0' AND current_setting('server_version_num')::int >= 150000
        AND to_jsonb(d)->>'datcollversion' <> pg_database_collation_actual_version(oid)`,
  );
  if (stale.length > 0) await session.run('ALTER DATABASE template0 REFRESH COLLATION VERSION;');
}
