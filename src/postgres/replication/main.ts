#!/usr/bin/env node
import { ask, connect } from './server.js';

/**
 * The programs that `templates/protection/receiver.sh` calls, for a PostgreSQL without them, such as a bare
 * server from npm: `psql`, `pg_receivewal` and `pg_basebackup`, with the options that the script uses. The
 * first argument names the program.
 */
const [program = '', ...words] = process.argv.slice(2);

/** Returns the value of `--name=value` or `--name value`. */
function option(name: string): string {
  const found = words.find((word) => word.startsWith(`--${name}=`));
  if (found === undefined) throw new Error(`--${name} is missing`);
  return found.slice(name.length + 3);
}

async function psql(): Promise<void> {
  const { client } = await connect(
    process.env.PGAPPNAME ?? 'psql',
    words[0]?.includes('replication=true') ?? false,
  );
  try {
    for (const [i, word] of words.entries()) {
      if (word !== '-c') continue;
      for (const rows of await ask(client, words[i + 1] ?? '')) {
        for (const row of rows) process.stdout.write(`${row.map((value) => value ?? '').join('|')}\n`);
      }
    }
  } finally {
    await client.end();
  }
}

async function run(): Promise<void> {
  switch (program) {
    case 'psql':
      return psql();
    case 'pg_receivewal': {
      const { receiveWal } = await import('./receive-wal.js');
      return receiveWal({ slot: option('slot'), folder: option('directory') });
    }
    case 'pg_basebackup': {
      const method = /^(?:client-)?(\w+)/.exec(option('compress'))?.[1];
      if (method !== 'gzip') throw new Error(`this build does not support compression with ${method}`);
      if (words.some((word) => word.startsWith('--incremental')))
        throw new Error('it takes no incremental base backup');
      const { baseBackup } = await import('./base-backup.js');
      return baseBackup({ folder: option('pgdata'), label: option('label') });
    }
    default:
      throw new Error(`there is no program ${program}`);
  }
}

try {
  await run();
} catch (error) {
  // The same format as that of PostgreSQL's own programs.
  process.stderr.write(`${program}: error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
