import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { locateProject, type ProjectLocation } from '../../src/project/locate.js';
import { findFreePort } from '../../src/system/ports.js';

/** A project of a PostgreSQL and an API without dependencies, in a folder of its own. */
export interface TinyStack {
  name: string;
  /** Folder that everything of this stack is in, reachable for every user. */
  home: string;
  directory: string;
  port: number;
  location(): ProjectLocation;
  /** Writes the compose file anew, with these variables of the API's environment. */
  configure(environment: Record<string, string>): Promise<void>;
  writeSecret(value: string): Promise<void>;
  remove(): Promise<void>;
}

/** @param folder name of the project's folder, below {@link TinyStack.home} */
export async function createTinyStack(folder = 'project', major = 16): Promise<TinyStack> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'invctl-tiny-')));
  // Where root runs the tests, PostgreSQL runs as another user, who passes through here.
  chmodSync(home, 0o755);
  const directory = join(home, folder);
  const name = `tiny-${randomBytes(4).toString('hex')}`;
  // Below the range of outgoing connections, which would take it between two starts.
  const port = await findFreePort('127.0.0.1', randomInt(20_000, 32_000));
  await mkdir(join(directory, 'secrets'), { recursive: true, mode: 0o700 });
  await cp(fileURLToPath(new URL('tiny-stack', import.meta.url)), directory, { recursive: true });
  const stack: TinyStack = {
    name,
    home,
    directory,
    port,
    location: () => locateProject(directory, {}),
    configure: (environment) =>
      writeFile(join(directory, 'compose.yaml'), composeFile(name, port, major, environment)),
    writeSecret: async (value) => {
      const file = join(directory, 'secrets', 'db_password.txt');
      await rm(file, { force: true });
      await writeFile(file, value, { mode: 0o444 });
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
  await stack.configure({});
  await stack.writeSecret(randomBytes(24).toString('base64url'));
  return stack;
}

function composeFile(name: string, port: number, major: number, environment: Record<string, string>): string {
  const variables = Object.entries({ DATABASE_HOST: 'db', GREETING: 'hello', ...environment })
    .map(([key, value]) => `      ${key}: ${JSON.stringify(value)}`)
    .join('\n');
  return `name: ${name}
services:
  db:
    image: postgres:${major}
    environment:
      POSTGRES_USER: tiny
      POSTGRES_DB: tiny
      POSTGRES_PASSWORD_FILE: /run/secrets/db_password
    secrets: [db_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "tiny"]
      interval: 30s
      start_period: 2m
      start_interval: 250ms
  api:
    build: ./api
    ports: ["127.0.0.1:${port}:5003"]
    environment:
${variables}
    secrets: [db_password]
    depends_on:
      db: { condition: service_healthy }
    healthcheck:
      test: ["CMD", "node", "-e", "fetch('http://127.0.0.1:5003/health').then((r) => process.exit(r.ok ? 0 : 1))"]
      interval: 30s
      start_period: 1m
      start_interval: 250ms
secrets:
  db_password: { file: ./secrets/db_password.txt }
volumes:
  pgdata:
`;
}
