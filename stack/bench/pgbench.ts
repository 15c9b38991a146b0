import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const DEBIAN = '/usr/lib/postgresql';

/** Debian keeps one for each major version. */
export function findPgbench(): string | undefined {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...(existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : []),
  ];
  return folders.map((folder) => join(folder, 'pgbench')).find((path) => existsSync(path));
}

/**
 * Transactions a second of a script, each statement prepared.
 *
 * @param env the database, as environment variables of the API.
 */
export async function measurePgbench(
  program: string,
  env: Readonly<Record<string, string>>,
  script: string,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'pgbench-'));
  try {
    const file = join(folder, 'script.sql');
    writeFileSync(file, script);
    const { stdout } = await promisify(execFile)(
      program,
      ['-n', '-M', 'prepared', '-c', String(connections), '-T', String(seconds), '-f', file],
      {
        env: {
          PGHOST: env.DATABASE_HOST,
          PGPORT: env.DATABASE_PORT,
          PGUSER: env.DATABASE_USER,
          PGPASSWORD: env.POSTGRESQL_PWD,
          PGDATABASE: env.DATABASE_NAME,
        },
      },
    );
    const [, rate] = /^tps = ([\d.]+)/m.exec(stdout) ?? [];
    if (rate === undefined) throw new Error(`pgbench said: ${stdout}`);
    return Number(rate);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
