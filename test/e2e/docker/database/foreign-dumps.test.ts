import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize, faultSteps } from '../../../support/fault-counts.js';
import { type DatabaseProject, startDatabaseProject } from './fixture.js';

/** The database that a test is about is a variable, so that one server does for all of them. */
const OVERRIDE = `services: {db: {environment: {POSTGRES_DB: "\${DBN:-shop}"}}}\n`;

/** What readers of lines take for something else: in rows, strings, bodies of functions, comments and names. */
const UGLY = String.raw`
  CREATE TABLE notes (id integer PRIMARY KEY, body text);
  INSERT INTO notes VALUES
    (1, E'% tex\n\\begin{document}\nhi\n\\end{document}'),
    (2, E'how to:\nCOPY public.x (a) FROM stdin;\nthen\n\\.\nSET transaction_timeout = 0;'),
    (3, E'--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n'),
    (4, E'a''b\\''"$$ /* ; '), (5, E'mixed\r\nline\nends\r'), (6, NULL), (7, ''), (8, '$_$ é ソ 表 能');
  CREATE TABLE "a; COPY x" ("b""c" integer, "; --" text);
  INSERT INTO "a; COPY x" VALUES (1, 'x'), (2, E'\\connect postgres');
  CREATE TABLE no_columns ();
  INSERT INTO no_columns DEFAULT VALUES;
  COMMENT ON TABLE notes IS E'see:\n\\server\\share\\x';
  CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS E'\r\nBEGIN\r\nSET transaction_timeout = 0;\r\nEND';
  CREATE FUNCTION g(integer) RETURNS integer BEGIN ATOMIC SELECT 1; SELECT CASE WHEN $1 > 0 THEN 2 END; END;
  CREATE RULE r AS ON DELETE TO no_columns DO ALSO (SELECT 1; SELECT 2);`;

describe.skipIf(withoutDocker)('dumps that invctl did not make', () => {
  let project: DatabaseProject;
  let folder: string;

  beforeAll(() => {
    project = startDatabaseProject('foreign', {
      postgres: '17',
      files: { 'compose.override.yaml': OVERRIDE },
    });
    folder = join(project.directory, 'old');
    mkdirSync(folder);
  });
  afterAll(() => project?.remove());

  /** A script of sh in the database's container. */
  function inside(script: string): Buffer {
    const { status, stdout, stderr } = spawnSync(
      'docker',
      ['compose', 'exec', '-T', 'db', 'sh', '-c', script],
      { cwd: project.directory, maxBuffer: 64 * 1024 * 1024 },
    );
    if (status !== 0) throw new Error(stderr.toString());
    return stdout;
  }

  /** What PostgreSQL itself says of a database, byte by byte. */
  function content(database = 'shop'): string {
    return inside(
      `pg_dump -U owner --inserts ${database} | grep -v '^.\\(un\\)\\?restrict ' | sed '/^-- Dumped/d'`,
    ).toString('latin1');
  }

  function file(name: string, bytes: Buffer | string): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  async function restore(path: string, database = 'shop') {
    const words = ['db', 'restore', path, '--yes', '--json'];
    const { code, stdout } = await project.invctl(words, { env: { DBN: database } });
    return { code, ...JSON.parse(stdout) };
  }

  /** An empty server but for the one database, made anew. */
  function recreate(options = '', database = 'shop', setup = UGLY): void {
    for (const name of project.databases()) project.sql(`DROP DATABASE "${name}" WITH (FORCE)`, 'postgres');
    project.sql(`CREATE DATABASE ${database} TEMPLATE template0 ${options}`, 'postgres');
    project.sql(setup, database);
  }

  describe('of one database in UTF-8', () => {
    let before: string;
    beforeAll(() => recreate());
    beforeEach(() => {
      before = content();
    });

    /** What the file holds comes back, after everything else was lost. */
    async function comesBack(path: string) {
      project.sql('DELETE FROM notes; DROP TABLE "a; COPY x"; DROP FUNCTION f()');
      const result = await restore(path);
      expect(result).toMatchObject({ code: 0 });
      expect(content()).toBe(before);
      await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
      return result;
    }

    const pack = (program: string, bytes: Buffer): Buffer | undefined => {
      const { status, stdout } = spawnSync(program, ['-c'], { input: bytes, maxBuffer: 64 * 1024 * 1024 });
      return status === 0 ? stdout : undefined;
    };

    it('restores an archive of pg_dump in gzip', async () => {
      await comesBack(file('packed', gzipSync(inside('pg_dump -U owner -Fc shop'))));
    });

    it.runIf(atFullSize)('reads what zstd, xz, bzip2 and lz4 packed, where these programs are', async () => {
      const dump = inside('pg_dump -U owner shop');
      const archive = inside('pg_dump -U owner -Fc shop');
      for (const program of ['zstd', 'xz', 'bzip2', 'lz4']) {
        for (const bytes of [dump, archive]) {
          const packed = pack(program, bytes);
          if (packed)
            await project.succeed(['db', 'verify', file(`dump.${program}`, packed), '--level', '2']);
        }
      }
    });

    it('restores pg_dump --format=directory, and a tar file of pg_dump', async () => {
      const tar = inside('cd /tmp && rm -rf d && pg_dump -U owner -Fd -f d shop && tar -cf - d && rm -r d');
      spawnSync('tar', ['-xf', '-', '-C', folder], { input: tar });
      await comesBack(join(folder, 'd'));
      await comesBack(file('dump.tar', inside('pg_dump -U owner -Ft shop')));
      await project.succeed([
        'db',
        'verify',
        file('dump.tar.gz', gzipSync(inside('pg_dump -U owner -Ft shop'))),
      ]);
      const { error } = await restore(file('folder.tar', tar));
      expect(error).toMatchObject({ code: 'NOT_A_BACKUP', hint: expect.stringContaining('tar -xf') });
    });

    it.each(
      faultSteps(
        ['--encoding=SJIS --inserts --quote-all-identifiers'],
        ['--clean --create', '--column-inserts --rows-per-insert=3', '--clean'],
      ),
    )('restores pg_dump %s', async (options) => {
      const utf8 = `UPDATE notes SET body = 'ソ表能\\' WHERE id = 8`;
      project.sql(utf8);
      before = content();
      await comesBack(file('dump.sql', inside(`pg_dump -U owner ${options} shop`)));
    });

    it('takes its own database out of a pg_dumpall, and touches no other', async () => {
      project.sql(`CREATE DATABASE other`, 'postgres');
      project.sql(`CREATE TABLE notes (id integer); INSERT INTO notes VALUES (99)`, 'other');
      const all = inside('pg_dumpall -U owner');
      project.sql('INSERT INTO notes VALUES (100)', 'other');
      const other = content('other');
      await comesBack(file('all.sql', all));
      expect(content('other')).toBe(other);
      project.sql('DROP DATABASE other', 'postgres');
      const cut = await restore(file('cut.sql', all.subarray(0, all.length - 60)));
      expect(cut).toMatchObject({ code: 8, error: { code: 'DUMP_UNSAFE' } });
      const globals = await restore(file('roles.sql', inside('pg_dumpall -U owner --globals-only')));
      expect(globals.error.message).toContain('only the roles of a server');
    });

    it('says what a file is that it does not restore, and what to type', async () => {
      const refused: [string, Buffer | string, number, string, string][] = [
        ['a.zip', 'PK\x03\x04rest', 1, 'a zip file', 'unzip -p'],
        ['a.7z', Buffer.from('377abcaf271c0004', 'hex'), 1, 'a 7z file', '7z x -so'],
        ['a.db', 'SQLite format 3\0', 1, 'an SQLite database', 'pgloader'],
        ['a.html', '<!DOCTYPE html><title>403</title>', 1, 'a web page', 'head -c'],
        ['empty.sql', '', 8, 'it is empty', 'db list'],
        ['mysql.sql', '-- MySQL dump 10.13\n\nCREATE TABLE `a` (b int);\n', 8, 'MySQL', 'pgloader'],
        ['rows.sql', inside('pg_dump -U owner --data-only shop'), 8, '--data-only', 'db exec'],
        [
          'two.sql',
          inside('pg_dump -U owner -C shop; pg_dump -U owner -C postgres'),
          8,
          'another database',
          'pg_dump',
        ],
        ['tty.sql', inside("pg_dump -U owner shop | sed 's/$/\\r/'"), 8, 'CR LF', 'perl -pe'],
        [
          'tty.dump',
          inside("pg_dump -U owner -Fc --compress=0 shop | perl -pe 's/\\n/\\r\\n/'"),
          8,
          'CR LF',
          'perl -pe',
        ],
        [
          'utf16.sql',
          Buffer.from(`\ufeff${inside('pg_dump -U owner shop')}`, 'utf16le'),
          8,
          'UTF-16',
          'PowerShell',
        ],
        ['cut.sql.gz', gzipSync(inside('pg_dump -U owner shop')).subarray(0, 900), 8, 'does not unpack', ''],
        [
          'zeros.sql',
          Buffer.concat([inside('pg_dump -U owner shop'), Buffer.alloc(512)]),
          8,
          'bytes of zero',
          '',
        ],
      ];
      for (const [name, bytes, code, message, hint] of refused) {
        for (const command of faultSteps(['restore'], ['verify'])) {
          const words = [
            'db',
            command,
            file(name, bytes),
            '--json',
            ...(command === 'restore' ? ['--yes'] : []),
          ];
          const result = await project.invctl(words);
          expect({ name, command, code: result.code }).toEqual({ name, command, code });
          expect(JSON.parse(result.stdout).error).toMatchObject({
            message: expect.stringContaining(message),
            hint: expect.stringContaining(hint),
          });
        }
      }
      const { error } = await restore(folder);
      expect(error).toMatchObject({
        code: 'NOT_A_BACKUP',
        hint: expect.stringContaining(folder.split('/').at(-1) as string),
      });
      expect(content()).toBe(before);
    });
  });

  describe.each([
    [
      'LATIN1',
      `INSERT INTO notes VALUES (9, convert_from('\\x636166e9', 'LATIN1')); CREATE TABLE "caf${'\u00e9'}" (a integer); INSERT INTO "café" VALUES (1)`,
    ],
    [
      'SQL_ASCII',
      `INSERT INTO notes VALUES (9, E'\\xe9\\xff\\x81'); DO $$ BEGIN EXECUTE format('CREATE TABLE %I (%I integer); INSERT INTO %1$I VALUES (1)', E'caf\\xe9', E'\\xff'); END $$`,
    ],
    [
      'EUC_JP',
      `INSERT INTO notes VALUES (9, '能ソ表'); CREATE TABLE "表" (a integer); INSERT INTO "表" VALUES (1)`,
    ],
  ])('of a database in %s', (encoding, more) => {
    const setup = `SET client_encoding = ${encoding === 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8'};${UGLY.replace(", (8, '$_$ é ソ 表 能')", '')}; ${more}`;
    const database = encoding.toLowerCase();
    let before: string;

    beforeAll(() => {
      recreate(`ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'`, database, setup);
      project.sql(properties, database);
      before = all();
    });
    afterEach(() => expect(all()).toBe(before));

    /** What all databases of a server store together, in the encoding of the one that it is about. */
    const words = { LATIN1: `'café'`, SQL_ASCII: `E'caf\\xe9'`, EUC_JP: `'能ソ表'` }[encoding];
    const properties = `SET client_encoding = UTF8; COMMENT ON DATABASE ${database} IS ${words}; ALTER DATABASE ${database} SET app.words = ${words};`;
    const all = () =>
      content(database) +
      inside(
        `psql -XAtq -U owner -d ${database} -c "SELECT shobj_description(oid, 'pg_database'), current_setting('app.words', true) FROM pg_database WHERE datname = current_database()"`,
      ).toString('latin1');

    it.runIf(atFullSize || encoding !== 'EUC_JP')(
      'brings back every byte of a plain backup of our own',
      async () => {
        const env = { DBN: database };
        const { file: taken } = await project.succeed(['db', 'backup', '--format', 'plain', '--level', '3'], {
          env,
        });
        project.sql('UPDATE notes SET body = NULL', database);
        expect(await restore(taken, database)).toMatchObject({ code: 0 });
      },
    );

    it.each(
      faultSteps([encoding === 'EUC_JP' ? '--inserts' : ''], [encoding === 'EUC_JP' ? '' : '--inserts']),
    )('brings back every byte of a pg_dump %s', async (options) => {
      const dump = inside(`pg_dump -U owner ${options} ${database}`);
      project.sql('UPDATE notes SET body = NULL', database);
      expect(await restore(file('dump.sql', dump), database)).toMatchObject({ code: 0 });
    });
  });
});
