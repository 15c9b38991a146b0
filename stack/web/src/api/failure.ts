import type { components } from '../../dist/schema';

type Problem = components['schemas']['Problem'];

/** Why a request has no answer of the kind that was asked for. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** Nothing for a request that got no answer at all: whether it was done is not known. */
  readonly problem: Problem | undefined;
  readonly status: number;

  constructor(message: string, status = 0, problem?: Problem) {
    super(message);
    this.status = status;
    this.problem = problem;
  }

  /** Whether the same request may have another answer soon. */
  get passing(): boolean {
    return (
      [0, 408, 429, 502, 503, 504].includes(this.status) || this.problem?.code === 'idempotency_key_in_use'
    );
  }

  /** What is said of one part of the request, such as `/body/name`. */
  at(pointer: string): string | undefined {
    return this.problem?.errors.find((error) => error.pointer === pointer)?.message;
  }
}

export function failureOf(status: number, body: unknown): Failure {
  const problem = typeof body === 'object' && body !== null && 'code' in body ? (body as Problem) : undefined;
  if (status === 503 || status === 502 || status === 504) {
    return new Failure(
      'The inventory cannot be reached right now. Nothing you typed is lost.',
      status,
      problem,
    );
  }
  const [first] = problem?.errors ?? [];
  const detail =
    problem?.code === 'invalid' && first ? `${fieldOf(first.pointer)} ${first.message}.` : problem?.detail;
  return new Failure(detail ?? `The inventory answered ${status}.`, status, problem);
}

export const noAnswer = () =>
  new Failure('No answer from the inventory. Check the connection; nothing you typed is lost.');

function fieldOf(pointer: string): string {
  const name = pointer.split('/').at(-1)?.replaceAll('_', ' ') ?? '';
  return name === '' ? 'The request' : `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
