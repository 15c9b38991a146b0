import { decodeText } from '../postgres/client-encoding.js';
import type { CopyData, OpenSql, PsqlCommand, SqlComment, SqlStatement } from '../postgres/sql-events.js';
import { BYTE_ORDER_MARK, SqlLexer } from '../postgres/sql-lexer.js';
import { joinName, nameParts } from '../postgres/sql-names.js';
import {
  CLUSTER_FOOTER,
  CRLF,
  DATA_ONLY,
  type DumpProblem,
  EMPTY_FILE,
  FOOTER,
  foreign,
  NO_CLUSTER_FOOTER,
  NO_FOOTER,
  PARTLY_CRLF,
  UTF_16,
} from './dump-problem.js';

/** Which part of a text a restore leaves out, as offsets. */
export interface LeftOut {
  start: number;
  end: number;
}

const COPIED = /^copy\s+((?:[^\s("]|"(?:[^"]|"")*")+)/i;
const INSERTED = /^insert\s+into\s+(?:only\s+)?((?:[^\s("]|"(?:[^"]|"")*")+)/i;
const CREATED = /^create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?((?:[^\s("]|"(?:[^"]|"")*")+)/i;
/** The first schema of `SET search_path = a, pg_catalog`. */
const SEARCHED = /search_path\s*(?:=|\bto\b)\s*(?:"\$user"\s*,\s*)?("(?:[^"]|"")*"|[\w$]+)/i;
const HEADER = '-- PostgreSQL database dump';
const CLUSTER_HEADER = '-- PostgreSQL database cluster dump';
/** What people and programs write behind a dump, none of which a cut could leave there. */
const HARMLESS_AFTER_FOOTER = ['analyze', 'vacuum', 'commit', 'end', 'reindex', 'refresh', 'reset'];
const PG_DUMP_COMMENT = /^-- (?:PostgreSQL database |Dumped |(?:Data for )?Name: )/;
const FOREIGN = /^-- (?:MySQL|MariaDB|phpMyAdmin|Adminer)\b/;
/** The options of a subscription that does not connect to its publisher. */
const UNCONNECTED = /\bwith\s*\([^)]*\bconnect\s*=\s*'?(?:false|off|0)\b[^)]*\)\s*;?\s*$/i;
const STARTS_SUBSCRIPTION = /^alter\s+subscription\s+(?:"(?:[^"]|"")*"|\S+)\s+(?:enable|refresh)\b/i;
/** INSERT INTO and a name of two identifiers of 63 bytes, all of them doubled quotes. */
const NAME_BYTES = 320;
const SERVER_WIDE = ['role', 'user', 'group', 'tablespace', 'system'];
/** So much of a statement is looked at; no longer one is left out. */
export const LONGEST_LEFT_OUT = 64 * 1024;

/**
 * Reads SQL as pg_dump and pg_dumpall write it, and judges each statement at its place: what is wrong with it, and
 * what of it no restore into an empty database may send. Of a pg_dumpall it reads the one database.
 */
export class DumpReader {
  readonly problems: DumpProblem[] = [];
  readonly lexer: SqlLexer;
  readonly #database: string;
  readonly #onLeftOut: (range: LeftOut) => void;
  readonly #rows = new Map<string, number>();
  readonly #names = new Map<string, string>();
  readonly #partitioned = new Set<string>();
  /** Tables with rows whose number the text does not show. */
  readonly #uncounted = new Set<string>();
  readonly #seen = new Set<DumpProblem['kind']>();
  #encoding = 'utf8';
  /** Where a name without a schema belongs. */
  #schema = 'public';
  #bytes = 0;
  #footer = false;
  #cluster = false;
  #clusters = 0;
  #clusterWhole = true;
  /** Where a part of a pg_dumpall began that is not of the database. */
  #outside: number | undefined;
  #found = false;
  readonly #connected: string[] = [];
  #createsDatabase = false;
  #created = false;
  #tables = 0;
  #cleaning = false;
  #data = false;
  #copying: { name: string | undefined; line: number } | undefined;
  #lastStatement = 0;
  serverMajor: number | undefined;
  program: string | undefined;

  /**
   * @param database the name that the database has in a pg_dumpall.
   * @param onLeftOut called in order, for ranges that end where the text is understood so far.
   */
  constructor(database: string, onLeftOut: (range: LeftOut) => void = () => {}) {
    this.#database = database;
    this.#onLeftOut = onLeftOut;
    this.lexer = new SqlLexer({
      statement: (statement) => this.#statement(statement),
      psqlCommand: (command) => this.#psqlCommand(command),
      copyData: (data) => this.#copyData(data),
      comment: (comment) => this.#comment(comment),
    });
  }

  /** Where the part began that is read now, of a pg_dumpall and not of the database. */
  get outside(): number | undefined {
    return this.#outside;
  }

  /** Rows of each COPY and INSERT, by table as the dump writes it. */
  get tables(): { name: string; rows: number }[] {
    return [...this.#rows]
      .filter(([name]) => !this.#partitioned.has(name) && !this.#uncounted.has(name))
      .filter(([name]) => nameParts(name) !== undefined)
      .map(([name, rows]) => ({ name, rows }));
  }

  push(chunk: Buffer): void {
    if (this.#bytes === 0) this.#beginning(chunk);
    this.#bytes += chunk.length;
    if (!this.#seen.has('nul') && !this.#seen.has('utf-16') && chunk.includes(0)) {
      this.#once('nul', {
        unsafe: true,
        message: 'it holds bytes of zero, which no text has: it is damaged',
      });
    }
    this.lexer.push(chunk);
  }

  end(): void {
    const open = this.lexer.end();
    // Nothing that is found in the text of another encoding is true.
    if (this.#seen.has('utf-16')) {
      this.problems.splice(0, this.problems.length, { kind: 'utf-16', ...UTF_16 });
      return;
    }
    const { all, crlf } = this.lexer.lines;
    if (crlf > 0 && crlf === all) {
      this.problems.splice(
        0,
        this.problems.length,
        CRLF,
        ...this.problems.filter(({ kind }) => kind !== 'crlf'),
      );
    }
    if (this.#bytes === 0) this.#once('empty', EMPTY_FILE);
    else if (open === 'copy data') this.#unfinishedCopy();
    else if (open !== undefined && open !== 'psql command') this.#unfinished(open);
    else if (this.#clusters > 0) this.#endOfCluster();
    else if (!this.#footer) this.#once('no-footer', NO_FOOTER);
    if (this.#data && this.#tables === 0 && this.#footer) this.#once('data-only', DATA_ONLY);
  }

  #beginning(chunk: Buffer): void {
    if (chunk.subarray(0, 3).equals(BYTE_ORDER_MARK)) this.#leaveOut({ start: 0, end: 3 });
    const utf16 =
      (chunk[0] === 0xff && chunk[1] === 0xfe) ||
      (chunk[0] === 0xfe && chunk[1] === 0xff) ||
      (chunk.length > 3 && (chunk[0] === 0) !== (chunk[1] === 0) && (chunk[2] === 0) !== (chunk[3] === 0));
    if (utf16) this.#once('utf-16', UTF_16);
  }

  #once(kind: DumpProblem['kind'], problem: Omit<DumpProblem, 'kind'>): void {
    if (this.#seen.has(kind)) return;
    this.#seen.add(kind);
    this.problems.push({ kind, ...problem });
  }

  #leaveOut({ start, end }: LeftOut): void {
    if (this.#outside !== undefined) return;
    if (end - start <= LONGEST_LEFT_OUT) this.#onLeftOut({ start, end });
  }

  #leave(at: number): void {
    this.#outside ??= at;
  }

  #enter(at: number): void {
    if (this.#outside !== undefined) this.#onLeftOut({ start: this.#outside, end: at });
    this.#outside = undefined;
  }

  #comment({ start, end, line, text: raw, returns }: SqlComment): void {
    const text = raw.trimEnd();
    // No name in such a comment has a line break: pg_dump writes a blank for it.
    if (returns && PG_DUMP_COMMENT.test(text)) this.#once('crlf', { line, ...PARTLY_CRLF });
    const other = FOREIGN.exec(text)?.[0];
    if (other !== undefined) this.#once('foreign', foreign(other.slice(3)));
    if (text === CLUSTER_HEADER) this.#beginCluster(start, line);
    else if (text === CLUSTER_FOOTER) {
      this.#clusterWhole = true;
      this.#cluster = false;
      this.#enter(end);
    } else if (text === HEADER) {
      if (this.#outside === undefined) this.#footer = false;
    } else if (text === FOOTER) {
      if (this.#outside === undefined) this.#footer = true;
      if (this.#cluster) this.#leave(end);
    } else if (this.#outside === undefined) {
      const from = /^-- Dumped from database version (\d+)/.exec(text)?.[1];
      if (from) this.serverMajor = Number(from);
      this.program ??= /^-- Dumped by pg_dump version (\S+)/.exec(text)?.[1];
    }
  }

  #beginCluster(start: number, line: number): void {
    this.#clusters += 1;
    this.#cluster = true;
    this.#clusterWhole = false;
    this.#leave(start);
    this.#once('cluster', {
      line,
      unsafe: false,
      message: `it is a dump of a whole server (pg_dumpall): of its databases only ${this.#database} is restored, and no roles`,
    });
  }

  #psqlCommand({ start, end, line, text, within }: PsqlCommand): void {
    const word = /^\\\S+/.exec(text)?.[0] ?? '\\';
    if (!within && this.#obeys(word, { start, end, line, text })) return;
    if (this.#outside !== undefined) return;
    this.#footer = false;
    this.problems.push({
      kind: 'meta-command',
      line,
      unsafe: true,
      message: `it has the psql command ${word}, which a dump of one database does not have`,
    });
  }

  /** The commands that pg_dump itself writes. */
  #obeys(word: string, { start, end, line, text }: Omit<PsqlCommand, 'within'>): boolean {
    if (word === '\\restrict' || word === '\\unrestrict') {
      this.problems.push({
        kind: 'restrict',
        line,
        unsafe: false,
        message: `it has ${word}, which a psql from before August 2025 does not know`,
      });
      this.#leaveOut({ start, end });
      return true;
    }
    // Before a \connect to a name that has more than letters and digits (pg_dump: appendPsqlMetaConnect).
    if (/^\\encoding SQL_ASCII\s*$/.test(text) && (this.#cluster || this.#createsDatabase)) {
      this.#leaveOut({ start, end });
      return true;
    }
    if (word !== '\\connect' && word !== '\\c') return false;
    // pg_dump --create writes it behind a CREATE DATABASE, pg_dumpall for each database.
    if (!this.#cluster && !this.#createsDatabase) return false;
    this.#connect(connectTarget(text), { start, end, line });
    return true;
  }

  /** What leads to a database: that of a pg_dump --create, or one of many. It is never followed. */
  #connect(name: string, { start, end, line }: LeftOut & { line: number }): void {
    this.#connected.push(name);
    this.#leaveOut({ start, end });
    if (this.#cluster) {
      this.#found ||= name === this.#database;
      if (name === this.#database) this.#enter(end);
      else this.#leave(start);
    } else if (new Set(this.#connected).size > 1 || this.#data || this.#tables > 0) {
      this.#once('other-database', {
        line,
        unsafe: true,
        message: `it continues in another database (\\connect ${name}): a restore fills only one`,
        hint: 'restore each database from a dump of its own, which pg_dump makes without --create',
      });
    } else {
      this.#once('create', {
        line,
        unsafe: false,
        message: `it makes the database ${name} itself (pg_dump --create); its content is restored, its settings are not`,
      });
    }
  }

  #statement(statement: SqlStatement): void {
    if (this.#outside !== undefined) return;
    const { words, line } = statement;
    const [verb = '', object = ''] = words;
    this.#lastStatement = line;
    if (!HARMLESS_AFTER_FOOTER.includes(verb)) this.#footer = false;
    if (verb === 'copy' || verb === 'insert') this.#fills(statement);
    else if (verb === 'set') this.#set(statement);
    else if (verb === 'pragma') this.#once('foreign', foreign('SQLite'));
    else if (ofDatabase(words)) {
      this.#createsDatabase ||= verb === 'create';
      this.#leaveOut(statement);
      this.#once('create', {
        line,
        unsafe: false,
        message:
          'it changes the database as a whole (pg_dump --create); its content is restored, its settings are not',
      });
    } else if (['create', 'alter', 'drop'].includes(verb) && SERVER_WIDE.includes(object)) {
      this.#once('server-wide', {
        line,
        unsafe: true,
        message: `it changes what all databases of the server share (${verb} ${object}), which a dump of one database does not`,
        hint: 'take those lines out into a file of their own, and run that: invctl db exec',
      });
    } else if (object === 'subscription' && verb !== 'drop') this.#subscribes(statement);
    else if (!this.#created && this.#drops(statement)) this.#leaveOutDrop(statement);
    else if (verb === 'create') this.#creates(statement);
  }

  /** A copy must not receive what the live database receives. pg_dump writes `connect = false`, and no ENABLE. */
  #subscribes(statement: SqlStatement): void {
    const { words, line } = statement;
    if (words[0] === 'create' && !UNCONNECTED.test(statement.head(LONGEST_LEFT_OUT))) {
      this.problems.push({
        kind: 'subscription',
        line,
        unsafe: true,
        message: 'it makes a subscription that connects to its publisher at once, and would take its rows',
        hint: 'write WITH (connect = false) there, and enable the subscription after the restore',
      });
    } else if (STARTS_SUBSCRIPTION.test(statement.head())) {
      this.problems.push({
        kind: 'subscription',
        line,
        unsafe: false,
        message: 'it starts a subscription; what is restored receives nothing until you say so',
      });
      this.#leaveOut(statement);
    }
  }

  #set(statement: SqlStatement): void {
    const { words, line } = statement;
    if (words[1] === 'transaction_timeout') {
      this.problems.push({
        kind: 'transaction-timeout',
        line,
        unsafe: false,
        message: 'it sets transaction_timeout, which servers before 17 do not know',
      });
      this.#leaveOut(statement);
    } else if (words[1] === 'search_path') {
      this.#names.clear();
      this.#schema = SEARCHED.exec(statement.head())?.[1] ?? 'public';
    } else if (words[1] === 'client_encoding') {
      this.#names.clear();
      this.#encoding = /(?:=|\bto\b)\s*'?([\w-]+)/i.exec(statement.head())?.[1] ?? this.#encoding;
    }
  }

  /** `pg_dump --clean` without `--if-exists` drops, before it makes anything, what a new database has not. */
  #drops(statement: SqlStatement): boolean {
    const { words } = statement;
    const [verb, object, name] = words;
    // Every new database has this one, and the dump makes it anew.
    if (object === 'schema' && name === 'public') return false;
    if (words.slice(1, 7).join(' ').includes('if exists')) return false;
    if (verb === 'drop') return true;
    if (verb === 'alter') return words.includes('drop') || words.includes('disable');
    if (verb === 'select') return /^select\s+pg_catalog\.lo_unlink\('/i.test(statement.head());
    return this.#cleaning && words.slice(0, 4).join(' ') === 'create or replace view';
  }

  #leaveOutDrop(statement: SqlStatement): void {
    this.#cleaning = true;
    this.#leaveOut(statement);
    this.#once('clean', {
      line: statement.line,
      unsafe: false,
      message:
        'it drops what it makes (pg_dump --clean without --if-exists): there is nothing to drop in a new database',
    });
  }

  #creates(statement: SqlStatement): void {
    const { words } = statement;
    // CREATE SCHEMA public follows its DROP.
    if (words[1] !== 'schema') this.#created = true;
    if (words[1] !== 'table' && words[2] !== 'table') return;
    this.#tables += 1;
    if (!words.join(' ').includes('partition by')) return;
    const name = CREATED.exec(statement.head())?.[1];
    if (name !== undefined) this.#partitioned.add(this.#decode(name));
  }

  #fills(statement: SqlStatement): void {
    const { words, line } = statement;
    this.#created = true;
    this.#data = true;
    if (words[0] === 'insert') {
      const name = INSERTED.exec(statement.head(NAME_BYTES))?.[1];
      const rows = words.includes('default') ? 1 : statement.rows;
      if (name === undefined || !statement.whole) return;
      if (rows > 0 && !words.includes('conflict')) this.#addRows(name, rows);
      else this.#uncounted.add(this.#decode(name));
      return;
    }
    const name = COPIED.exec(statement.head())?.[1];
    this.#copying = { name: name === undefined ? undefined : this.#decode(name), line };
    // A row of CSV may have several lines, or be a header.
    if (this.#copying.name !== undefined && /\bcsv\b/i.test(statement.head().replace(COPIED, ''))) {
      this.#uncounted.add(this.#copying.name);
    }
  }

  #addRows(raw: string, rows: number): void {
    const name = this.#decode(raw);
    this.#rows.set(name, (this.#rows.get(name) ?? 0) + rows);
  }

  #copyData({ rows, whole, trailing }: CopyData): void {
    if (this.#outside !== undefined) return;
    const { name, line } = this.#copying ?? { name: undefined, line: this.#lastStatement };
    if (trailing) {
      this.#once('copy-line', {
        line,
        unsafe: true,
        message: 'something follows a COPY on its line, which no dump has',
      });
    }
    if (!whole) return;
    this.#copying = undefined;
    if (name !== undefined) this.#rows.set(name, (this.#rows.get(name) ?? 0) + rows);
  }

  /**
   * A name as the dump writes it, but with its schema: pg_dump of before March 2018 left it to `search_path`.
   * Each name returns with every row of an INSERT.
   */
  #decode(raw: string): string {
    let name = this.#names.get(raw);
    if (name === undefined) {
      const text = decodeText(Buffer.from(raw, 'latin1'), this.#encoding);
      const parts = nameParts(text);
      if (parts === undefined) name = text;
      else name = joinName(parts.length === 1 ? [...(nameParts(this.#schema) ?? []), ...parts] : parts);
      this.#names.set(raw, name);
    }
    return name;
  }

  #unfinishedCopy(): void {
    const { name, line } = this.#copying ?? { name: undefined, line: this.#lastStatement };
    this.#once('unfinished-copy', {
      line,
      unsafe: true,
      message: `the rows of ${name ?? 'a table'} do not end: the file was cut`,
    });
  }

  #unfinished(open: OpenSql): void {
    this.#once('unfinished-statement', {
      line: this.#lastStatement,
      unsafe: true,
      message: `its last statement does not end${open === 'statement' ? '' : ` (it is inside a ${open})`}: the file was cut`,
    });
  }

  #endOfCluster(): void {
    const bare = !this.#found && this.#data;
    if (!this.#clusterWhole || ((this.#found || bare) && !this.#footer)) {
      this.#once('no-footer', NO_CLUSTER_FOOTER);
    } else if (!this.#found && !bare) {
      this.#once('no-database', {
        unsafe: true,
        message:
          this.#connected.length === 0
            ? 'it holds only the roles of a server (pg_dumpall --globals-only), and no database'
            : `it is a dump of a whole server (pg_dumpall), and holds no database ${this.#database}, only ${[...new Set(this.#connected)].join(', ')}`,
        hint: 'restore a dump of the one database, which pg_dump makes',
      });
    }
  }
}

/** Statements whose object is a database: this one's, or another's. */
function ofDatabase(words: readonly string[]): boolean {
  const [verb = '', object] = words;
  if (['create', 'alter', 'drop'].includes(verb)) return object === 'database';
  if (!['comment', 'grant', 'revoke', 'security'].includes(verb)) return false;
  const on = words.indexOf('on');
  return on > 0 && words[on + 1] === 'database';
}

/** The database that `\connect` names: by its name, or in a connection string. */
function connectTarget(text: string): string {
  const rest = text.replace(/^\\\S+\s*/, '').replace(/^-reuse-previous=\w+\s+/, '');
  const bare = /^"((?:[^"]|"")*)"/.exec(rest)?.[1]?.replaceAll('""', '"') ?? rest.split(/\s/)[0] ?? '';
  const named = /^dbname='((?:[^'\\]|\\.)*)'/.exec(bare)?.[1] ?? /^dbname=(\S*)/.exec(bare)?.[1];
  return Buffer.from(named?.replaceAll(/\\(.)/g, '$1') ?? bare, 'latin1').toString('utf8');
}
