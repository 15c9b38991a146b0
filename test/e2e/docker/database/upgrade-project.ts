import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type DatabaseProject, seedShop, startDatabaseProject } from './fixture.js';

/** Healthy while it can query the database; with a file `flags/only-16`, while that is a PostgreSQL 16. */
const APP = `  app:
    image: postgres:16 # for its psql
    entrypoint: [sleep, infinity]
    init: true
    user: "65534"
    # In place of the volume that the image declares.
    tmpfs: [/var/lib/postgresql/data]
    environment: {PGHOST: db, PGUSER: owner, PGDATABASE: shop, PGPASSWORD: "seeded-marker-$$\{password}"}
    volumes: ["./flags:/flags:ro"]
    depends_on: {db: {condition: service_healthy}}
    healthcheck:
      test: ["CMD-SHELL", "test -e /flags/only-16 && want=16 || want=1; psql -XAtc 'SHOW server_version_num' | grep -q ^$$want"]
      interval: 500ms
      retries: 6
`;

export interface UpgradeProject extends DatabaseProject {
  composeFile: string;
  /** What belongs to the server and the database, and is in no table of it. */
  properties(): string;
  /** Removes the backups, and notes all that an upgrade could change or leave. */
  noteState(): void;
  /** Since the state was noted. */
  nothingHasChanged(): void;
  /** Runs an upgrade that fails, looks for secrets in what it says and for what it changed. Returns its message. */
  fails(
    args: readonly string[],
    code: string,
    exitCode: number,
    env?: Record<string, string>,
  ): Promise<string>;
}

/** A project with an app, data, roles and settings, as somebody has it who comes to an upgrade. */
export function startUpgradeProject(label: string): UpgradeProject {
  const project = startDatabaseProject(label, {
    services: APP,
    password: 'seeded-marker-$${password}',
    files: {
      'invctl.yaml': 'services: {database: db, app: app}\n',
      'flags/README': 'read by the app\n',
    },
  });
  seedShop(project, 1000);
  project.sql(`CREATE ROLE "Reader" LOGIN PASSWORD 'seeded-marker-reader'; GRANT SELECT ON items TO "Reader";
    GRANT CONNECT ON DATABASE shop TO "Reader"; REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC;
    ALTER DATABASE shop SET app.api_token TO 'seeded-marker-token';`);
  const composeFile = join(project.directory, 'compose.yaml');
  const properties = () =>
    project.sql(`
      SELECT rolname, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1;
      SELECT array(SELECT unnest(datacl)::text ORDER BY 1) FROM pg_database WHERE datname = 'shop';
      SELECT setconfig FROM pg_db_role_setting; SELECT has_table_privilege('Reader', 'items', 'SELECT');`);
  const listed = (kind: string, format: string, ...more: string[]) =>
    docker(kind, 'ls', ...more, '--filter', `name=${project.name}`, '--format', format);
  const everything = () =>
    [
      readFileSync(composeFile, 'utf8'),
      listed('container', '{{.Names}} {{.State}} {{.Image}}', '--all').split('\n').sort().join('\n'),
      listed('volume', '{{.Name}}'),
      listed('network', '{{.Name}}'),
      project.fingerprint(),
      properties(),
      project.databases().join(' '),
      project.invctlSessions(),
      readdirSync(project.directory)
        .filter((name) => !['backups', 'shim'].includes(name))
        .join(' '),
    ].join('\n--\n');
  let noted = '';
  const nothingHasChanged = () => expect(everything()).toBe(noted);
  return {
    ...project,
    composeFile,
    properties,
    noteState() {
      rmSync(join(project.directory, 'backups'), { recursive: true, force: true });
      noted = everything();
    },
    nothingHasChanged,
    async fails(args, code, exitCode, env = {}) {
      const result = await project.invctl(['db', 'upgrade', ...args, '--json'], { env });
      expect(JSON.parse(result.stdout).error).toMatchObject({ code });
      expect(result.code).toBe(exitCode);
      expect(result.stdout + result.stderr).not.toContain('seeded-marker');
      nothingHasChanged();
      return JSON.parse(result.stdout).error.message;
    },
  };
}

export function docker(...args: string[]): string {
  return execFileSync('docker', args, { encoding: 'utf8' }).trim();
}
