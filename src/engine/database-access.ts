import type { Readable, Writable } from 'node:stream';
import type { Secret } from '../system/secret.js';

/**
 * One session of the server, kept open over several statements: transactions, snapshots and advisory locks live as
 * long as it does. One statement at a time; the first error ends it.
 */
export interface Session {
  /**
   * Rows of a query as objects; numbers beyond 2^53 must be cast to text in the query.
   * @throws UserError SQL_FAILED with the server's message.
   */
  rows<Row>(query: string): Promise<Row[]>;
  /**
   * Runs statements, each with its semicolon and in a transaction of its own where they say nothing else.
   * @throws UserError SQL_FAILED with the server's message.
   */
  run(statements: string): Promise<void>;
  /** Ends the session; an open transaction is rolled back by the server. */
  close(): Promise<void>;
}

export interface Login {
  /** The superuser, as the project's files name it. The embedded engine knows with which it made the cluster. */
  user: string;
  /** Name of the database. */
  database: string;
}

export interface SessionLogin extends Login {
  /** `application_name`, by which the server's sessions are told apart. */
  applicationName: string;
  signal?: AbortSignal | undefined;
  /** Logs in as this role in place of the superuser. */
  role?: string;
  /** More settings of ours, as `name=value`. */
  settings?: readonly string[];
  /** With all that the project has set for its sessions, for SQL of its own. Otherwise none of it counts. */
  asProject?: boolean | undefined;
}

export interface Acceptance {
  accepted: boolean;
  /** What the server said when it refused. */
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
 * How one gets at a database of the project: each engine has a way of its own. Every method throws a UserError
 * SERVICE_NOT_RUNNING where the database does not run.
 */
export interface DatabaseAccess {
  /**
   * Opens a session as the superuser over the server's local socket, which asks for no password.
   * @throws UserError SQL_FAILED, DATABASE_MISSING
   */
  session(login: SessionLogin): Promise<Session>;
  /**
   * Whether the server lets its superuser, or another role, in over TCP, as it does the app, with this password.
   * @throws UserError DATABASE_UNREACHABLE where the server does not answer at all.
   */
  accepts(login: Login & { role?: string }, password: Secret, signal?: AbortSignal): Promise<Acceptance>;
  /** Waits until a server that just started serves others than those who made its cluster. */
  listens(signal: AbortSignal): Promise<{ listening: boolean; said: string }>;
  /** Whether the server has psql, pg_dump and pg_restore beside it. */
  hasClientPrograms(): Promise<boolean>;
  /** Folder of this machine that holds the cluster; undefined where it is in a container. */
  dataFolder(): Promise<string | undefined>;
  /** True: programs beside the server read files of this machine. */
  readonly sharesFiles: boolean;
  /**
   * psql, with our terminal where there is one. Where this PostgreSQL has no psql, an SQL session of our own, which
   * knows `-c SQL` alone of psql's arguments.
   *
   * @returns psql's exit status.
   */
  psql(login: Login, input: PsqlInput): Promise<number>;
}
