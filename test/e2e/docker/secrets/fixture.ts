import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createDockerProject, type DockerProject, docker } from '../../../support/docker-project.js';

/** Found in whatever shows a secret. */
export const MARKER = 'seeded-marker-4f1c';
export const FIRST_PASSWORD = `${MARKER}-Pässwort ü`;

/** A foreign project: an app that is healthy while the password of its secret opens the database. */
const COMPOSE = `name: NAME
services:
  db:
    image: postgres:16
    command: [postgres, -c, log_statement=all, -c, log_min_duration_statement=0, -c, log_connections=on]
    environment: {POSTGRES_DB: shop, POSTGRES_USER: owner, POSTGRES_PASSWORD_FILE: /run/secrets/owner_pw}
    secrets: [{source: password, target: owner_pw}]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "owner", "-d", "shop"]
      interval: 30s
      start_period: 1m
      start_interval: 200ms
  app:
    image: postgres:16
    entrypoint: [sleep, infinity]
    init: true
    user: "65534"
    # In place of the volume that the image declares.
    tmpfs: [/var/lib/postgresql/data]
    env_file: app.env
    secrets: [password]
    depends_on: {db: {condition: service_healthy}}
    healthcheck:
      test: ["CMD-SHELL", "test ! -e /tmp/ill && PGPASSWORD=\\"$$(cat /run/secrets/password)\\" psql -h db -U owner -d shop -c 'SELECT 1'"]
      interval: 500ms
      retries: 4
secrets:
  password: {file: ./secrets/password.txt}
  other: {file: ./secrets/other.txt}
volumes: {pgdata: {}}
`;

export interface SecretsProject extends DockerProject {
  /** Content of the password's file. */
  password(): Promise<string>;
  /** Whether the database lets its superuser in with this password, from the app. */
  opens(password: string): Promise<boolean>;
  /** Names of all files below the project's folder that a rotation could have left. */
  litter(): Promise<string[]>;
  containerId(service: string): Promise<string>;
  /**
   * Waits until both services are healthy. A check that failed while a password was in between is what the engine
   * tells until the next one.
   */
  healthy(): Promise<void>;
}

export async function startSecretsProject(
  change: (compose: string) => string = (text) => text,
): Promise<SecretsProject> {
  const project = await createDockerProject(change(COMPOSE), 'secrets ');
  const secrets = join(project.folder, 'secrets');
  await mkdir(secrets, { mode: 0o700 });
  await project.write('secrets/password.txt', FIRST_PASSWORD);
  await project.write('secrets/other.txt', `${MARKER}-other`);
  await project.write('invctl.yaml', 'services: {database: db}\n');
  await project.write('app.env', `# kept\nAPI_TOKEN=${MARKER}-token # why\nGREETING=hello\n`);
  for (const name of await readdir(secrets)) await chmod(join(secrets, name), 0o444);
  const compose = [
    'compose',
    '--project-directory',
    project.folder,
    '--file',
    join(project.folder, 'compose.yaml'),
  ];
  await docker(...compose, 'up', '--detach', '--wait').catch(async (error) => {
    await project.remove();
    throw error;
  });
  return {
    ...project,
    password: () => readFile(join(secrets, 'password.txt'), 'utf8'),
    async opens(password) {
      const words = ['psql', '-h', 'db', '-U', 'owner', '-d', 'shop', '-c', 'SELECT 1'];
      return docker(...compose, 'exec', '-T', '-e', `PGPASSWORD=${password}`, 'app', ...words).then(
        () => true,
        () => false,
      );
    },
    async litter() {
      const names = await readdir(project.folder, { recursive: true });
      return names.filter((name) => /\.(next|previous|verifier|partial)$|journal|lock$/.test(name));
    },
    containerId: (service) => docker(...compose, 'ps', '--all', '--quiet', '--no-trunc', service),
    async healthy() {
      await expect
        .poll(async () => (await project.json(['ps'])).document.data.services, { timeout: 60_000 })
        .toMatchObject([{ health: 'healthy' }, { health: 'healthy' }]);
    },
  };
}
