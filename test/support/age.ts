import { spawnSync } from 'node:child_process';

/** Whether the `age` program is here, which encrypted backups are held against. */
export const withoutAge = spawnSync('age', ['--version']).status !== 0;

if (withoutAge) {
  console.warn('skipped: what is held against the program age (Debian: apt-get install age)');
}
