/** What `fetch` takes, and how long the answer may take to begin, in milliseconds. */
export interface FetchWithin extends Omit<RequestInit, 'signal'> {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * `fetch` with an end. `AbortSignal.timeout` does not keep the process alive: where the other side hangs up in the
 * middle, Node 20 ends then, with code 13 and without a word.
 *
 * @throws what `fetch` throws; AbortError where `signal` ended it, TimeoutError where time did
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
