/** Errors that an answer names; how many more there are is in `errors_omitted`. */
export const ERRORS_SHOWN = 20;

/** What is wrong with one part of a request. */
export interface ProblemDetail {
  /** JSON pointer into `{body, query, path, headers}` of the request, such as `/body/lines/0/quantity`. */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/**
 * An answer other than the one that was asked for, as RFC 9457 problem details. Thrown anywhere, sent by the
 * error handler.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  /** A stable word for programs. */
  readonly code: string;
  readonly errors: readonly ProblemDetail[];
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the answer. */
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    {
      errors = [],
      headers = {},
      extensions = {},
      cause,
    }: {
      errors?: readonly ProblemDetail[];
      headers?: Record<string, string>;
      extensions?: Record<string, unknown>;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause });
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.headers = headers;
    this.extensions = extensions;
  }
}

export function notFound(entity: string): Problem {
  return new Problem(404, 'not_found', `There is no such ${entity}.`);
}

export function invalid(errors: readonly ProblemDetail[]): Problem {
  return new Problem(422, 'invalid', 'The request is well-formed but not acceptable; see errors.', {
    errors,
  });
}
