import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../src/database/migrate.js';
import { startServer } from './postgres/server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's URL of the maintenance database. */
    serverUrl: string;
    /** A migrated database that the files copy. */
    template: string;
  }
}

export default (project: TestProject) => setup(project);

/** Starts a server and migrates the template. @param options of the server. */
export async function setup(
  project: TestProject,
  options?: { durable: boolean },
): Promise<() => Promise<void>> {
  const server = await startServer(options);
  const template = `inventory_template_${process.pid}`;
  await administrate(server.url, `CREATE DATABASE ${template}`);
  const url = new URL(server.url);
  url.pathname = template;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await migrate(client);
  await client.end();
  project.provide('serverUrl', server.url);
  project.provide('template', template);
  return async () => {
    await administrate(server.url, `DROP DATABASE ${template} WITH (FORCE)`);
    await server.stop();
  };
}

async function administrate(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
