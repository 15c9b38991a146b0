import type { Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { isSecretName, redact } from '../system/secret.js';
import { identifier, literal } from '../system/sql.js';
import { decodeBytes } from '../system/text-bytes.js';
import type { Database } from './database.js';
import type { DatabaseFacts } from './database-facts.js';
import { withSession } from './open-session.js';
import { withMaintenance } from './server-sessions.js';
import { onlyRow, type SessionOptions } from './session.js';

/**
 * Properties of a database that are not in its dump, except with `pg_dump --create`: grants, settings,
 * comment, limit of connections, security labels, and the options of CREATE DATABASE.
 */
type Properties = DatabaseFacts['database'];
type Setting = Properties['settings'][number];

/** Letters of `pg_database.datacl` and their privileges. */
const PRIVILEGES: Record<string, string> = { C: 'CREATE', T: 'TEMPORARY', c: 'CONNECT' };
/**
 * Settings whose value is a list of names: each element is written as a constant of its own (pg_dump:
 * GUC_LIST_QUOTE).
 */
const LIST_SETTINGS = new Set([
  'search_path',
  'session_preload_libraries',
  'local_preload_libraries',
  'temp_tablespaces',
]);
/** Matches a text that looks like a key: long, without blanks, of letters and digits. */
const KEY_VALUE = /^(?=.*\d)(?=.*[A-Za-z])[\w+/=.~-]{20,}$/;

/**
 * Reads the properties of a database, including secrets: use them in statements, never in a file or a
 * message.
 * @param name default: the session's own.
 */
export async function readProperties(session: Session, name?: string): Promise<Properties> {
  // The database's name is in the encoding of the session that made it, which this one may be unable to read.
  // PostgreSQL 17 renamed daticulocale. JSON gives the column that exists, and null on 14, which has neither.
  const row = await onlyRow<
    Omit<Properties, 'localeProvider' | 'name'> & { provider: string; nameBytes: string }
  >(
    session,
    `
    SELECT encode(byteain(textout(replace(datname::text, '\\', '\\\\'))), 'hex') AS "nameBytes", r.rolname AS owner, pg_database_size(d.oid) AS bytes,
           pg_encoding_to_char(encoding) AS encoding, coalesce(to_jsonb(d)->>'datlocprovider', 'c') AS provider,
           datcollate AS collate, datctype AS ctype,
           coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale,
           to_jsonb(d)->>'datcollversion' AS "collationVersion", datacl::text[] AS acl,
           shobj_description(d.oid, 'pg_database') AS comment, datconnlimit AS "connectionLimit",
           datistemplate AS "isTemplate", spcname AS tablespace, to_jsonb(d)->>'daticurules' AS "icuRules",
           (SELECT coalesce(json_agg(json_build_object('provider', provider, 'label', label) ORDER BY provider), '[]')
              FROM pg_shseclabel WHERE objoid = d.oid AND classoid = 'pg_database'::regclass) AS "securityLabels",
           (SELECT coalesce(json_agg(json_build_object('role', rolname, 'name', split_part(entry, '=', 1),
                     'value', substr(entry, strpos(entry, '=') + 1)) ORDER BY rolname, place), '[]')
              FROM pg_db_role_setting s CROSS JOIN unnest(setconfig) WITH ORDINALITY AS u (entry, place) LEFT JOIN pg_roles r ON r.oid = setrole
             WHERE setdatabase = d.oid) AS settings
      FROM pg_database d JOIN pg_roles r ON r.oid = datdba JOIN pg_tablespace t ON t.oid = dattablespace
     WHERE datname = ${name === undefined ? 'current_database()' : literal(name)}`,
  );
  const { provider, nameBytes, ...rest } = row;
  return {
    name: decodeBytes(Buffer.from(nameBytes, 'hex')),
    ...rest,
    localeProvider: { c: 'libc', i: 'icu', b: 'builtin' }[provider] ?? provider,
  };
}

/** Returns the properties for a manifest, without values that may be secrets. */
export function withoutSecrets({ comment, ...properties }: Properties): Properties {
  return {
    ...properties,
    ...(typeof comment === 'string' && redact(comment) !== comment ? {} : { comment: comment ?? null }),
    settings: properties.settings.map((one) => (maySecret(one) ? { ...one, value: null } : one)),
  };
}

/**
 * Whether a setting may be a secret. PostgreSQL's own settings have no part that looks like a secret's name;
 * an app's setting has a dot in its name and may be anything.
 */
function maySecret({ name, value }: Setting): boolean {
  const parts = name.split('.');
  if (parts.some(isSecretName)) return true;
  if (value === null) return false;
  if (redact(value) !== value || value.includes('-----BEGIN ')) return true;
  return parts.length > 1 && (/key/i.test(name) || KEY_VALUE.test(value));
}

/**
 * Returns the properties that a restored database must get: those of the backup, and all others, including
 * secrets, from the live database.
 * @param live undefined: there is none.
 * @returns undefined if no properties are known; a setting with an unknown value has none.
 */
export function wantedProperties<Live extends Properties | undefined>(
  backup: Properties | undefined,
  live: Live,
): Live | Properties {
  const base = backup ?? live;
  if (base === undefined) return live;
  const settings = base.settings.map((setting) => ({
    ...setting,
    value: setting.value ?? valueIn(live, setting),
  }));
  return { ...live, ...base, settings };
}

function valueIn(properties: Properties | undefined, { role, name }: Setting): string | null {
  return properties?.settings.find((one) => one.role === role && one.name === name)?.value ?? null;
}

/** Returns statements that give a new database its properties; each element is independent of the others. */
export function propertyStatements(name: string, wanted: Properties): string[] {
  const database = `DATABASE ${identifier(name)}`;
  const { comment, connectionLimit = -1, isTemplate = false, securityLabels = [] } = wanted;
  return [
    ...grants(name, wanted),
    ...settingStatements(name, wanted.settings),
    ...(comment ? [`COMMENT ON ${database} IS ${literal(comment)};`] : []),
    ...(connectionLimit === -1 ? [] : [`ALTER ${database} CONNECTION LIMIT ${connectionLimit};`]),
    ...(isTemplate ? [`ALTER ${database} IS_TEMPLATE true;`] : []),
    ...securityLabels.map(
      ({ provider, label }) =>
        `SECURITY LABEL FOR ${identifier(provider)} ON ${database} IS ${literal(label)};`,
    ),
  ];
}

interface Grant {
  /** Quoted; undefined: PUBLIC. */
  to: string | undefined;
  by: string;
  words: string[];
  option: boolean;
}

/**
 * Writes grants as pg_dump does: revokes the privileges of PUBLIC and the owner, then grants in an order that
 * works.
 */
function grants(name: string, { acl, owner }: Properties): string[] {
  if (acl === null) return [];
  const database = `DATABASE ${identifier(name)}`;
  const statements = [`REVOKE ALL ON ${database} FROM PUBLIC, ${identifier(owner)};`];
  const grantors = new Set([identifier(owner)]);
  let left = acl.map(parseGrant);
  while (left.length > 0) {
    const possible = left.filter(({ by }) => grantors.has(by));
    // The grantor has lost its own privilege in the meantime; the comparison afterwards reports it.
    if (possible.length === 0) break;
    for (const { to, by, words, option } of possible) {
      if (option && to !== undefined) grantors.add(to);
      const grant = words.map((word) => `GRANT ${word.replace('%', `${database} TO ${to ?? 'PUBLIC'}`)};`);
      if (by === identifier(owner)) statements.push(...grant);
      else statements.push(`BEGIN; SET LOCAL ROLE ${by}; ${grant.join(' ')} COMMIT;`);
    }
    left = left.filter((one) => !possible.includes(one));
  }
  return statements;
}

/**
 * Parses `grantee=letters/grantor`. A `*` after a letter means with grant option; an empty grantee means
 * PUBLIC.
 */
function parseGrant(entry: string): Grant {
  const [, grantee = '', letters = '', grantor = ''] =
    /^("(?:[^"]|"")*"|[^=]*)=([A-Za-z*]*)\/(.*)$/.exec(entry) ?? [];
  const quoted = (role: string) => (role.startsWith('"') ? role : identifier(role));
  return {
    to: grantee === '' ? undefined : quoted(grantee),
    by: quoted(grantor),
    option: letters.includes('*'),
    words: [...letters.matchAll(/([A-Za-z])(\*?)/g)].flatMap(([, letter = '', option]) =>
      PRIVILEGES[letter] ? [`${PRIVILEGES[letter]} ON %${option ? ' WITH GRANT OPTION' : ''}`] : [],
    ),
  };
}

function settingStatements(database: string, settings: Properties['settings']): string[] {
  return settings.flatMap((setting) =>
    setting.value === null ? [] : [settingStatement(database, { ...setting, value: setting.value })],
  );
}

function settingStatement(database: string, { role, name, value }: Setting & { value: string }): string {
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

/**
 * Gives a new database its settings before it is loaded, as `pg_restore --create` does: what a load computes
 * (a materialized view, a CHECK, an index) may depend on a time zone, a text search configuration or a setting
 * of the app, and a provider of security labels is a library that a setting loads. Settings that the server
 * refuses are left out; {@link applyProperties} names them.
 */
export async function applySettings(
  database: Database,
  name: string,
  { settings, encoding }: Pick<Properties, 'settings' | 'encoding'>,
  session: Omit<SessionOptions, 'database'>,
): Promise<void> {
  await runAll(database, { name, encoding }, settingStatements(name, settings), session);
}

/**
 * Gives a new database its properties and reads them back. If the server refuses one, the data is still kept.
 * @returns a sentence for each property that the database does not have. No secret.
 */
export async function applyProperties(
  database: Database,
  name: string,
  wanted: Properties,
  session: Omit<SessionOptions, 'database'>,
): Promise<string[]> {
  const which = { name, encoding: wanted.encoding };
  await runAll(database, which, propertyStatements(name, wanted), session);
  return lostProperties(
    wanted,
    await withItself(database, which, session, (one) => readProperties(one, name)),
  );
}

/**
 * Opens a session in the database itself. The comments and settings of all databases are stored together, each
 * in the encoding of the session that wrote it: from another database's session, this one would read other
 * text, or could not read it. Where its own session could not write its name, another one has to do.
 */
function withItself<T>(
  database: Database,
  { name, encoding }: { name: string; encoding: string },
  options: Omit<SessionOptions, 'database'>,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  return encoding === 'UTF8' || isAscii(name)
    ? withSession(database, { ...options, database: name }, body)
    : withMaintenance(database, options, body);
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

/** Runs every statement, also after one that the server refuses. */
async function runAll(
  database: Database,
  which: { name: string; encoding: string },
  statements: readonly string[],
  session: Omit<SessionOptions, 'database'>,
): Promise<void> {
  if (statements.length === 0) return;
  const run = (text: string) => withItself(database, which, session, (one) => one.run(text));
  try {
    await run(statements.join('\n'));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    session.signal?.throwIfAborted();
    for (const statement of statements) await run(statement).catch(() => {});
  }
}

/** Returns the properties of `wanted` that a database does not have. */
export function lostProperties(wanted: Properties, found: Properties): string[] {
  const sorted = (acl: Properties['acl'] = null) => acl && [...acl].sort();
  const say = (what: string, before: unknown, now: unknown) =>
    before === undefined || JSON.stringify(before) === JSON.stringify(now)
      ? []
      : [
          `the database's ${what} is not kept: it was ${JSON.stringify(before)}, and is ${JSON.stringify(now)}`,
        ];
  return [
    ...say('access list', sorted(wanted.acl), sorted(found.acl)),
    ...say('comment', wanted.comment, found.comment),
    ...say('limit of connections', wanted.connectionLimit, found.connectionLimit),
    ...say('mark as a template', wanted.isTemplate, found.isTemplate),
    ...say('tablespace', wanted.tablespace, found.tablespace),
    ...say('ICU rules', wanted.icuRules, found.icuRules),
    ...say('list of security labels', wanted.securityLabels, found.securityLabels),
    ...wanted.settings
      .filter((setting) => setting.value === null || valueIn(found, setting) !== setting.value)
      .map(
        ({ role, name, value }) =>
          `the setting ${name} of the database${role === null ? '' : ` for the role ${role}`} is not kept${
            value === null
              ? ': it may be a secret, so no backup holds it, and the live database has none'
              : ''
          }`,
      ),
  ];
}
