import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { repository } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type DatabaseProject, startDatabaseProject } from './fixture.js';

const CASES = join(repository, 'test/field-cases/database');
const FINGERPRINT = readFileSync(join(CASES, 'fingerprint.sql'), 'utf8');

/** Of whose kind there is another one. */
const OF_A_KIND = [
  'db-idle-session-timeout',
  'db-transaction-timeout',
  'idle-session-timeout',
  'exec-tty-custom',
  'inserts-copy-line',
  'inserts-backslash-line',
  'crlf-function-plain',
  'statement-timeout',
];

interface Expected {
  /** Of the database; UTF8 where it is absent. */
  encoding?: string;
  /** The backup is SQL text. */
  plain?: boolean;
  /** The backup or the restore is refused, with this code and this text in its message or hint. */
  refused?: { code: string; says: string };
}

describe.skipIf(withoutDocker)('inputs from the field', () => {
  let project: DatabaseProject;
  beforeAll(() => {
    project = startDatabaseProject('field', {
      postgres: '17',
      database: '${FIELD_DATABASE:-shop}',
      command: ['postgres', '-c', 'max_prepared_transactions=10', '-c', 'wal_level=logical'],
    });
    // The owner in the dumps.
    project.sql('CREATE ROLE app SUPERUSER LOGIN');
  });
  afterAll(() => project?.remove());

  const cases = readdirSync(CASES).filter((name) => existsSync(join(CASES, name, 'setup.sql')));

  it.each(cases.filter((name) => atFullSize || !OF_A_KIND.includes(name)))('%s', async (name) => {
    const folder = join(CASES, name);
    const { encoding, plain, refused } = expectedOf(folder);
    const database = `pd_${name.replaceAll('-', '_')}`;
    const env = { FIELD_DATABASE: database };
    const run = async (args: readonly string[]) => {
      const { code, stdout } = await project.invctl([...args, '--json'], { env });
      return { code, ...JSON.parse(stdout) };
    };
    const like = encoding ? ` TEMPLATE template0 ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'` : '';
    project.sql(`CREATE DATABASE "${database}"${like}`, 'postgres');
    const setup = readFileSync(join(folder, 'setup.sql'), 'latin1').replaceAll('pdmain', database);
    project.sql(Buffer.from(`SET SESSION AUTHORIZATION app;\n${setup}`, 'latin1'), database);
    const before = fingerprint(database);

    const dump = readdirSync(folder).find((file) => file.startsWith('dump.'));
    const backup = dump
      ? undefined
      : await run(['db', 'backup', '--level', '3', ...(plain ? ['--format', 'plain'] : [])]);
    const between = join(folder, 'before-restore.sql');
    if (existsSync(between)) project.sql(readFileSync(between, 'utf8'), database);
    const after = join(folder, 'after.sql');
    if (existsSync(after)) onTestFinished(() => void project.sql(readFileSync(after, 'utf8'), database));
    const result =
      backup && !backup.ok
        ? backup
        : await run([
            'db',
            'restore',
            dump ? join(folder, dump) : backup.data.file,
            '--yes',
            '--confirm',
            project.name,
          ]);
    if (refused) {
      expect(result.error, JSON.stringify(result)).toMatchObject({ code: refused.code });
      expect(result.error.message + result.error.hint).toContain(refused.says);
    } else {
      expect(result.error).toBeUndefined();
      expect(fingerprint(database)).toEqual(before);
    }
    expect(project.databases().filter((one) => /_(restore|verify)_/.test(one))).toEqual([]);
    const journal = join(project.directory, '.invctl/journal');
    expect(existsSync(journal) ? readdirSync(journal) : []).toEqual([]);
  });

  /** Every trace of a database, by PostgreSQL alone. */
  function fingerprint(database: string): string[] {
    // A login trigger would write a row for each of these sessions.
    const silently = `dbname='${database}' options='-c event_triggers=off'`;
    const schema = project.dumpSchema(silently).toString('latin1');
    return [
      ...project.sql(FINGERPRINT, silently).split('\n'),
      ...schema
        .split('\n')
        .filter((line) => !/^(\\(un)?restrict|-- Dumped|SET transaction_timeout)/.test(line)),
    ];
  }
});

function expectedOf(folder: string): Expected {
  const file = join(folder, 'expected.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}
