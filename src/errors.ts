/** Process exit codes. Part of the command-line contract: scripts rely on them. */
export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  engineUnavailable: 3,
  projectInvalid: 4,
  findings: 5,
  unhealthy: 6,
  confirmationNeeded: 7,
  dataUnverified: 8,
  locked: 9,
  interrupted: 130,
  terminated: 143,
} as const;

export interface UserErrorFields {
  /** Stable identifier in SCREAMING_SNAKE_CASE, printed in JSON as `error.code`. */
  code: string;
  /** What happened and why, one or more lines, without a secret. */
  message: string;
  /** The next command to type, or the edit to make. */
  hint?: string;
  exitCode?: number;
  file?: string;
  /** 1-based line in `file`. */
  line?: number;
  /** Page of the guide that explains it, relative to the package (`docs/guide/…`). */
  docs?: string;
  /** More fields for JSON readers. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** An error that the person at the terminal can act on. Everything else that is thrown is a bug and prints as one. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly docs: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(fields: UserErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.hint = fields.hint;
    this.exitCode = fields.exitCode ?? ExitCode.failure;
    this.file = fields.file;
    this.line = fields.line;
    this.docs = fields.docs;
    this.details = fields.details;
  }
}

/** A program that invctl ran ended with a status that means failure. */
export class CommandError extends UserError {
  override readonly name = 'CommandError';
  readonly argv: readonly string[];
  /** Exit status, or null when a signal ended the program. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its standard error, redacted. */
  readonly stderrTail: string;

  constructor(
    fields: Partial<UserErrorFields> & {
      argv: readonly string[];
      status: number | null;
      signal: NodeJS.Signals | null;
      stderrTail: string;
    },
  ) {
    const ended = fields.signal ? `was ended by ${fields.signal}` : `ended with status ${fields.status}`;
    super({
      ...fields,
      code: fields.code ?? 'COMMAND_FAILED',
      message:
        fields.message ??
        `\`${fields.argv.join(' ')}\` ${ended}${fields.stderrTail ? `:\n${fields.stderrTail}` : ''}`,
      details: { argv: fields.argv, status: fields.status, signal: fields.signal, ...fields.details },
    });
    this.argv = fields.argv;
    this.status = fields.status;
    this.signal = fields.signal;
    this.stderrTail = fields.stderrTail;
  }
}

/** Bad command-line input: exit code 2. */
export function usageError(message: string, hint?: string): UserError {
  return new UserError({ code: 'USAGE', message, exitCode: ExitCode.usage, ...(hint ? { hint } : {}) });
}

/** True for errors of Node's file system layer with one of these codes. */
export function hasErrorCode(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
