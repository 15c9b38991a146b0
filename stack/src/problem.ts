/** Errors that an answer names; how many more there are is in `errors_omitted`. */
export const ERRORS_SHOWN = 20;

/** Every code that a problem may have, by its status. Clients decide by them, so none is ever renamed. */
export const PROBLEM_CODES = {
  400: [
    'bad_request',
    'bad_url',
    'empty_json_body',
    'incomplete',
    'invalid_content_length',
    'invalid_json_body',
  ],
  401: ['invalid_refresh_token', 'invalid_token', 'missing_token', 'wrong_credentials'],
  403: ['forbidden'],
  404: ['no_such_route', 'not_found'],
  408: ['too_slow'],
  409: [
    'already_reversed',
    'conflict',
    'idempotency_key_in_use',
    'in_stock',
    'in_use',
    'insufficient_stock',
    'last_admin',
  ],
  412: ['stale'],
  413: ['body_too_large', 'file_too_large'],
  414: ['max_param_length'],
  415: ['invalid_media_type', 'unsupported_media_type'],
  422: ['idempotency_key_reused', 'import_rejected', 'invalid', 'not_csv', 'quantity_out_of_range'],
  428: ['if_match_required'],
  429: ['rate_limited'],
  500: ['internal'],
  503: ['busy', 'no_room', 'timeout', 'unavailable'],
} as const;

export type ProblemCode = (typeof PROBLEM_CODES)[keyof typeof PROBLEM_CODES][number];

/** The codes of a status; none for one that no problem has. */
export function codesOf(status: number): readonly ProblemCode[] {
  return PROBLEM_CODES[status as keyof typeof PROBLEM_CODES] ?? [];
}

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
  readonly code: ProblemCode;
  readonly errors: readonly ProblemDetail[];
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the answer. */
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: ProblemCode,
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
