import type { DatabaseAccess, Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { Secret } from '../system/secret.js';

/** Messages of a server that refuses the password, or the role. */
const PASSWORD_REFUSED = /authentication failed for user|no password supplied|role ".*" does not exist/i;

/** The queries of checks to the running database. */
export function databaseQuestions(
  access: () => Promise<DatabaseAccess>,
  mask: (text: string) => string,
  signal: AbortSignal,
) {
  const loginCache = new Map<string, Promise<boolean | undefined>>();
  return {
    query,
    session,
    login(user: string, password: string): Promise<boolean | undefined> {
      const key = `${user}\n${password}`;
      const known = loginCache.get(key) ?? tryPassword(user, password);
      loginCache.set(key, known);
      return known;
    },
  };

  async function session(
    role: string,
    {
      database: name = 'template1',
      settings: more,
    }: { database?: string; settings?: readonly string[] } = {},
  ): Promise<Session> {
    return (await access()).session({
      user: role,
      role,
      database: name,
      applicationName: 'invctl doctor',
      signal,
      ...(more ? { settings: more } : { asProject: true }),
    });
  }

  async function query<Row>(role: string, sql: string): Promise<{ rows: Row[] } | { refusal: string }> {
    try {
      const opened = await session(role);
      return { rows: await opened.rows<Row>(sql).finally(() => opened.close()) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { refusal: mask(error.message) };
    }
  }

  async function tryPassword(user: string, password: string): Promise<boolean | undefined> {
    try {
      const login = { user, role: user, database: 'template1' };
      const answer = await (await access()).accepts(login, new Secret(password), signal);
      if (answer.accepted) return true;
      // Any other refusal, such as by pg_hba.conf, says nothing about the password.
      return PASSWORD_REFUSED.test(answer.said) ? false : undefined;
    } catch (error) {
      // The server is starting, or has no psql.
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }
}
