import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  propertiesOf,
  seedProperties,
  type UpgradeState,
  watchUpgrade,
} from '../../../support/upgrade-state.js';
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
      interval: 5s
      retries: 2
      start_period: 15s
      start_interval: 500ms
`;

export interface UpgradeProject extends DatabaseProject, UpgradeState {
  composeFile: string;
  properties(): string;
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
  // A restore gives the child another order of columns.
  project.sql(`CREATE TABLE doc (id int PRIMARY KEY, t text); CREATE TABLE letter (sender text) INHERITS (doc);
    INSERT INTO letter VALUES (1, 'a', 'bob'); ALTER TABLE doc ADD COLUMN year int DEFAULT 2020;`);
  seedProperties(project.sql, 'shop');
  const composeFile = join(project.directory, 'compose.yaml');
  const properties = () => propertiesOf(project.sql, 'shop');
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
  return {
    ...project,
    composeFile,
    properties,
    ...watchUpgrade(project.directory, project.invctl, everything),
  };
}

export function docker(...args: string[]): string {
  return execFileSync('docker', args, { encoding: 'utf8' }).trim();
}
