import type { Facts } from './manifest.js';
import type { Session } from './session.js';
import { identifier, literal } from './sql.js';

type Properties = Facts['database'];

/** Letters of `pg_database.datacl`. */
const PRIVILEGES: Record<string, string> = { C: 'CREATE', T: 'TEMPORARY', c: 'CONNECT' };
/** Settings whose value is a list: each element is a constant of its own. */
const LIST_SETTINGS = new Set([
  'search_path',
  'session_preload_libraries',
  'local_preload_libraries',
  'temp_tablespaces',
]);

/**
 * Statements that give the database `name` the grants and settings of a backup's: what belongs to a database but is
 * in no dump of it.
 *
 * @param current settings of the live database, for values that a manifest does not keep.
 */
export function propertyStatements(
  name: string,
  { acl, settings }: Pick<Properties, 'acl' | 'settings'>,
  current: Properties['settings'],
): string[] {
  return [
    ...grants(name, acl),
    ...settings.flatMap((setting) => {
      const value = setting.value ?? currentValue(setting, current);
      return value === null ? [] : [settingStatement(name, { ...setting, value })];
    }),
  ];
}

function grants(name: string, acl: Properties['acl']): string[] {
  if (acl === null) return [];
  return [
    `REVOKE ALL ON DATABASE ${identifier(name)} FROM PUBLIC;`,
    ...acl.flatMap((entry) => {
      // grantee=letters/grantor, `*` after a letter: with grant option, an empty grantee: PUBLIC
      const [, grantee = '', letters = ''] = /^("(?:[^"]|"")*"|[^=]*)=([A-Za-z*]*)\//.exec(entry) ?? [];
      const to = grantee === '' ? 'PUBLIC' : grantee.startsWith('"') ? grantee : identifier(grantee);
      return [...letters.matchAll(/([A-Za-z])(\*?)/g)].flatMap(([, letter = '', option]) => {
        const privilege = PRIVILEGES[letter];
        if (!privilege) return [];
        return [
          `GRANT ${privilege} ON DATABASE ${identifier(name)} TO ${to}${option ? ' WITH GRANT OPTION' : ''};`,
        ];
      });
    }),
  ];
}

function currentValue(
  { role, name }: Properties['settings'][number],
  current: Properties['settings'],
): string | null {
  return current.find((setting) => setting.role === role && setting.name === name)?.value ?? null;
}

function settingStatement(
  database: string,
  { role, name, value }: Properties['settings'][number] & { value: string },
): string {
  const owner =
    role === null
      ? `DATABASE ${identifier(database)}`
      : `ROLE ${identifier(role)} IN DATABASE ${identifier(database)}`;
  const setting = name.split('.').map(identifier).join('.');
  const constants = LIST_SETTINGS.has(name) ? listElements(value).map(literal).join(', ') : literal(value);
  return `ALTER ${owner} SET ${setting} TO ${constants || "''"};`;
}

/** `"$user", public` → `$user`, `public` */
function listElements(value: string): string[] {
  return [...value.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(
    ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? (bare as string),
  );
}

/** Settings of the session's database, secrets included: for statements, never for a file or a message. */
export async function readSettingsWithSecrets(session: Session): Promise<Properties['settings']> {
  const rows = await session.rows<{ role: string | null; entry: string }>(`
    SELECT rolname AS role, unnest(setconfig) AS entry
      FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole
     WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2`);
  return rows.map(({ role, entry }) => {
    const at = entry.indexOf('=');
    return { role, name: entry.slice(0, at), value: entry.slice(at + 1) };
  });
}
