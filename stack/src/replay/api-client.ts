import { setTimeout as delay } from 'node:timers/promises';

/** Tries of one request while the API is away or busy; with the waits between them, a minute at least. */
const ATTEMPTS = 60;

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

interface ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Below `/api/v1`. */
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/**
 * A caller of the API that keeps its session, waits when it is told to, and tries again while the API cannot be
 * reached. So every POST that it is given needs an Idempotency-Key, or has to be harmless when it is done twice.
 */
export class ApiClient {
  readonly #base: string;
  readonly #credentials: Credentials;
  #token: Promise<string> | undefined;

  constructor(base: string, credentials: Credentials) {
    this.#base = `${base.replace(/\/$/, '')}/api/v1`;
    this.#credentials = credentials;
  }

  /**
   * Sends a request until it has an answer other than "come back later".
   *
   * @throws {Error} when there is none after a minute, or the login fails.
   */
  async send(request: ApiRequest): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      this.#token ??= this.#login();
      const token = this.#token;
      const answer = await this.#try(request, { authorization: `Bearer ${await token}` });
      if (answer instanceof Error) {
        if (attempt === ATTEMPTS) throw answer;
        await delay(1000);
      } else if (isLater(answer)) {
        if (attempt === ATTEMPTS) throw refusal(request, answer);
        await delay(1000 * Number(answer.headers.get('retry-after') ?? 1));
      } else if (answer.status === 401 && attempt < ATTEMPTS) {
        // The token's half hour is over. Whoever notices first logs in for all.
        if (this.#token === token) this.#token = undefined;
      } else {
        return answer;
      }
    }
  }

  /** As `send`, for a request that only succeeds. @returns the body. @throws {Error} for a status of 400 or more. */
  async expect(request: ApiRequest): Promise<unknown> {
    const answer = await this.send(request);
    if (answer.status >= 400) throw refusal(request, answer);
    return answer.body;
  }

  async #login(): Promise<string> {
    const request = {
      method: 'POST',
      path: '/auth/login',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(this.#credentials),
    } as const;
    const answer = await this.#try(request, {});
    if (answer instanceof Error) throw answer;
    if (answer.status !== 200) throw refusal(request, answer);
    return (answer.body as { access_token: string }).access_token;
  }

  /** One try. @returns the error when there was no whole answer. */
  async #try(
    { method, path, headers, body }: ApiRequest,
    more: Record<string, string>,
  ): Promise<Answer | Error> {
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: { ...headers, ...more },
        ...(body === undefined ? {} : { body }),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    } catch (error) {
      return new Error(`${method} ${this.#base}${path}: ${causeOf(error)}`, { cause: error });
    }
  }
}

function isLater({ status, body }: Answer): boolean {
  return status === 429 || status === 503 || codeOf(body) === 'idempotency_key_in_use';
}

/** The `code` of problem details. */
export function codeOf(body: unknown): string | undefined {
  const code = (body as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The sentences of problem details: those of its errors, or its own. */
export function reasonOf(body: unknown): string {
  const { detail, errors } = body as { detail?: string; errors?: readonly { message: string }[] };
  return errors && errors.length > 0 ? errors.map(({ message }) => message).join(' ') : (detail ?? 'refused');
}

function refusal({ method, path }: ApiRequest, { status, body }: Answer): Error {
  return new Error(`${method} ${path} was answered with ${status}: ${reasonOf(body)}`);
}

/** fetch says "fetch failed" and hides why. */
function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message;
  return error instanceof Error ? error.message : String(error);
}
