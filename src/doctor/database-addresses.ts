/** The address of a PostgreSQL in the text of one variable. */
export interface Address {
  host: string;
  port?: number;
  user?: string;
  /** Never to be printed. */
  password?: string;
  database?: string;
  /** Characters of the password that have a meaning in a URL and are not percent-encoded. */
  unencoded: string[];
}

const SCHEME = /^(?:jdbc:)?(?:postgres|postgresql|postgis)(?:\+\w+)?:\/\//i;
/** `host=db port=5432 dbname=shop` (libpq, Go), `Host=db;Database=shop` (Npgsql). */
const KEYWORDS = /(?:^|[\s;])(?:host|server)\s*=\s*('[^']*'|[^\s;]+)/i;
const KEYWORDS_BESIDE = /(?:^|[\s;])(?:dbname|database|user|username|user id)\s*=/i;

/**
 * The address in a connection URL or a connection string; undefined for any other value.
 *
 * @param known host names of the project: the host of a URL begins after the `@` before one of them, whatever
 * an unencoded password contains
 */
export function addressOf(value: string, known: readonly string[]): Address | undefined {
  const scheme = SCHEME.exec(value)?.[0];
  if (scheme !== undefined) return addressOfUrl(value.slice(scheme.length), known);
  const host = KEYWORDS.exec(value)?.[1];
  if (host === undefined || !KEYWORDS_BESIDE.test(value)) return undefined;
  const word = (names: string) =>
    new RegExp(`(?:^|[\\s;])(?:${names})\\s*=\\s*('[^']*'|[^\\s;]+)`, 'i')
      .exec(value)?.[1]
      ?.replace(/^'|'$/g, '');
  return address(host.replace(/^'|'$/g, ''), word('port'), {
    user: word('user|username|user id|uid'),
    password: word('password|pwd'),
    database: word('dbname|database'),
  });
}

function addressOfUrl(text: string, known: readonly string[]): Address | undefined {
  const hosts = [...known, 'localhost', '127.0.0.1'];
  const names = hosts.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const strict = /^(?:([^:@/]*)(?::([^@/]*))?@)?(\[[^\]]+\]|[^:/?,]*)(?::(\d+))?[^/?]*(?:\/([^?#]*))?/.exec(
    text,
  );
  const sane =
    strict?.[1] !== undefined &&
    (hosts.includes(strict[3] ?? '') || /^[\w-]+\.[\w.-]+$/.test(strict[3] ?? ''));
  const loose = sane
    ? null
    : new RegExp(`^([^:]*):(.+?)@(${names})(?::(\\d+))?(?:/([^?#]*))?(?:[?#].*)?$`, 's').exec(text);
  const [, user, password, host = '', port, database] = loose ?? strict ?? [];
  const named = host || new URLSearchParams(text.split('?')[1] ?? '').get('host') || '';
  if (named === '' || named.startsWith('/')) return undefined;
  return {
    ...address(named.replace(/^\[|\]$/g, ''), port, {
      user: user && decoded(user),
      password: password && decoded(password),
      database: database && decoded(database),
    }),
    unencoded: unencodedIn(password ?? ''),
  };
}

/** Characters that end a part of a URL (RFC 3986), and a `%` that is not part of an encoding. */
function unencodedIn(password: string): string[] {
  const found = password.match(/[@/?#:[\] ]|%(?![\da-f]{2})/gi) ?? [];
  return [...new Set(found)];
}

function address(
  host: string,
  port: string | undefined,
  parts: Partial<Record<'user' | 'password' | 'database', string | undefined>>,
): Address {
  return {
    host,
    ...(port !== undefined && /^\d+$/.test(port) ? { port: Number(port) } : {}),
    ...(parts.user ? { user: parts.user } : {}),
    ...(parts.password ? { password: parts.password } : {}),
    ...(parts.database ? { database: parts.database } : {}),
    unencoded: [],
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
