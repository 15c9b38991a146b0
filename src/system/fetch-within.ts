/** The options of `fetch`, and the time limit for the beginning of the answer, in milliseconds. */
export interface FetchWithin extends Omit<RequestInit, 'signal'> {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * `fetch` with a time limit. `AbortSignal.timeout` is not enough, because it does not keep the process alive:
 * if the other side hangs up during the answer, Node 20 exits with code 13 and without a message.
 * @throws what `fetch` throws; AbortError if `signal` ended it, TimeoutError at the time limit
 */
export async function fetchWithin(
  url: string,
  { timeoutMs, signal, ...init }: FetchWithin,
): Promise<Response> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const end = () => stop.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const timer = setTimeout(
    () => stop.abort(new DOMException(`no answer within ${timeoutMs / 1000} s`, 'TimeoutError')),
    timeoutMs,
  );
  try {
    return await fetch(url, { ...init, signal: stop.signal });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
