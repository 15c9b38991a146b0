import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CliOptions, CliResult } from './cli.js';

type Sql = (statements: string) => string;

/** A role with a password, grants and settings: what an upgrade has to take along beside the tables. */
export function seedProperties(sql: Sql, database: string): void {
  sql(`CREATE ROLE "Reader" LOGIN PASSWORD 'seeded-marker-reader'; GRANT SELECT ON items TO "Reader";
    GRANT CONNECT ON DATABASE ${database} TO "Reader"; REVOKE TEMPORARY ON DATABASE ${database} FROM PUBLIC;
    ALTER DATABASE ${database} SET app.api_token TO 'seeded-marker-token';
    COMMENT ON DATABASE ${database} IS 'production, don''t drop'; ALTER DATABASE ${database} CONNECTION LIMIT 33;`);
}

/** What belongs to the server and the database, and is in no table of it. */
export function propertiesOf(sql: Sql, database: string): string {
  return sql(`
    SELECT rolname, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1;
    SELECT array(SELECT unnest(datacl)::text ORDER BY 1), datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '${database}';
    SELECT setconfig FROM pg_db_role_setting ORDER BY setconfig::text; SELECT has_table_privilege('Reader', 'items', 'SELECT');`);
}

/** What an upgrade that fails must leave as it was. */
export interface UpgradeState {
  /** Removes the backups that are not a protection's, and notes all that an upgrade could change or leave. */
  noteState(): void;
  /** Since the state was noted. */
  nothingHasChanged(): void;
  /** Runs an upgrade that fails, looks for secrets in what it says and for what it changed. Returns its error. */
  fails(
    args: readonly string[],
    code: string,
    exitCode: number,
    env?: Record<string, string>,
  ): Promise<{ message: string; hint: string }>;
}

/** @param everything all that an upgrade could change or leave, as text */
export function watchUpgrade(
  directory: string,
  run: (args: readonly string[], options?: Partial<CliOptions>) => Promise<CliResult>,
  everything: () => string,
): UpgradeState {
  let noted = '';
  const nothingHasChanged = () => expect(everything()).toBe(noted);
  return {
    noteState() {
      const backups = join(directory, 'backups');
      for (const name of existsSync(backups) ? readdirSync(backups) : []) {
        if (name !== 'protection') rmSync(join(backups, name), { recursive: true });
      }
      noted = everything();
    },
    nothingHasChanged,
    async fails(args, code, exitCode, env = {}) {
      const result = await run(['db', 'upgrade', ...args, '--json'], { env });
      const { error } = JSON.parse(result.stdout);
      expect(error).toMatchObject({ code });
      expect(result.code).toBe(exitCode);
      expect(result.stdout + result.stderr).not.toContain('seeded-marker');
      nothingHasChanged();
      return error;
    },
  };
}
