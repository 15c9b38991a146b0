import type { Readable, Writable } from 'node:stream';
import type { Secret } from '../system/secret.js';

/**
 * One session of the server that stays open over several statements: transactions, snapshots and advisory
 * locks live as long as the session. It takes one statement at a time; the first error ends it.
 */
export interface Session {
  /**
   * Returns the rows of a query as objects. The query must cast numbers beyond 2^53 to text.
   * @throws UserError SQL_FAILED with the server's message.
   */
  rows<Row>(query: string): Promise<Row[]>;
  /**
   * Runs statements. Each ends with its semicolon and is a transaction of its own unless the text begins one.
   * @throws UserError SQL_FAILED with the server's message.
   */
  run(statements: string): Promise<void>;
  /** Ends the session; the server rolls an open transaction back. */
  close(): Promise<void>;
}

export interface Login {
  /**
   * The superuser that the project's files name. The embedded engine uses the one that it made the cluster
   * with.
   */
  user: string;
  /** Name of the database. */
  database: string;
}

export interface SessionLogin extends Login {
  /** `application_name`, which identifies the session on the server. */
  applicationName: string;
  signal?: AbortSignal | undefined;
  /** Role to log in as instead of the superuser. */
  role?: string;
  /** More settings, as `name=value`. */
  settings?: readonly string[];
  /**
   * With true, the project's settings for its sessions apply, for the project's own SQL. Otherwise none
   * applies.
   */
  asProject?: boolean | undefined;
}

export interface Acceptance {
  accepted: boolean;
  /** The server's message when it refused the login. */
  said: string;
}

export interface PsqlInput {
  /** psql's own arguments. */
  words: readonly string[];
  /** Whether stdin and stdout are terminals. */
  terminal: boolean;
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
}

/**
 * Access to a database of the project; each engine implements it. Every method throws a UserError
 * SERVICE_NOT_RUNNING if the database does not run.
 */
export interface DatabaseAccess {
  /**
   * Opens a session as the superuser over the server's local socket, which asks for no password.
   * @throws UserError SQL_FAILED, DATABASE_MISSING
   */
  session(login: SessionLogin): Promise<Session>;
  /**
   * Whether the server accepts this password over TCP, as the app uses it, for its superuser or another role.
   * @throws UserError DATABASE_UNREACHABLE if the server does not answer at all.
   */
  accepts(login: Login & { role?: string }, password: Secret, signal?: AbortSignal): Promise<Acceptance>;
  /**
   * Waits until a server that has just started accepts connections from everybody, not only from the programs
   * that initialise its cluster.
   */
  listens(signal: AbortSignal): Promise<{ listening: boolean; said: string }>;
  /** Whether the server has psql, pg_dump and pg_restore beside it. */
  hasClientPrograms(): Promise<boolean>;
  /** Folder of this machine that holds the cluster; undefined if it is in a container. */
  dataFolder(): Promise<string | undefined>;
  /** Whether programs beside the server can read files of this machine. */
  readonly sharesFiles: boolean;
  /**
   * Runs psql, with our terminal if there is one. If this PostgreSQL has no psql, runs our own SQL session,
   * which accepts only `-c SQL` of psql's arguments.
   * @returns psql's exit status.
   */
  psql(login: Login, input: PsqlInput): Promise<number>;
}
