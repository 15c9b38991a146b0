import type { Client } from 'pg';

/**
 * The parts of a connection that pg's types do not declare: the streaming replication protocol, as described
 * in postgresql.org/docs/current/protocol-replication.html.
 */
interface ReplicationConnection {
  stream: { pause(): void; resume(): void };
  on(event: 'copyData', listener: (message: { chunk: Buffer }) => void): void;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

/**
 * Connects by the variables of libpq: PGHOST, PGPORT, PGUSER and PGPASSFILE.
 * @param replication true for a walsender's session
 */
export async function connect(
  applicationName: string,
  replication: boolean,
): Promise<{ client: Client; connection: ReplicationConnection }> {
  const pg = (await import('pg')).default;
  const client = new pg.Client({
    database: 'postgres',
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    ...(replication ? { replication: 'true' } : {}),
  });
  // What is asked ends with the error as well; with nobody to hear it, it would end the process.
  client.on('error', () => {});
  await client.connect();
  const { connection } = client as unknown as { connection: ReplicationConnection };
  return { client, connection };
}

/**
 * Returns the rows of a command, each value as the server prints it. If there are several results, it returns
 * the rows of each.
 */
export async function ask(client: Client, text: string): Promise<(string | null)[][][]> {
  const answer: unknown = await client.query({
    text,
    rowMode: 'array',
    types: { getTypeParser: () => (value: string) => value },
  });
  const results = (Array.isArray(answer) ? answer : [answer]) as { rows: (string | null)[][] }[];
  return results.map(({ rows }) => rows);
}
