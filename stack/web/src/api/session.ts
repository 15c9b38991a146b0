import { useEffect, useState } from 'preact/hooks';
import type { components } from '../../dist/schema';
import { Failure, failureOf, noAnswer } from './failure';

type TokenPair = components['schemas']['TokenPair'];
export type Me = components['schemas']['Me'];

interface Stored {
  readonly access: string;
  readonly refresh: string;
  readonly me: Me;
}

const KEY = 'inventory.session';
/** Of two tabs that refresh with one token at once, the second would end the session of both. */
const LOCK = 'inventory.refresh';

const listeners = new Set<() => void>();
const changed = () => {
  for (const listener of listeners) listener();
};
// Another tab logged in, out, or on.
addEventListener('storage', (event) => {
  if (event.key === KEY || event.key === null) changed();
});

/** The session has ended, and somebody waits for the same user to log in again. */
let waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

function stored(): Stored | undefined {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

function store(session: Stored | undefined): void {
  if (session) localStorage.setItem(KEY, JSON.stringify(session));
  else localStorage.removeItem(KEY);
  changed();
}

async function post(path: string, body: object, token?: string): Promise<unknown> {
  const response = await fetch(`/api/v1/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  }).catch(() => {
    throw noAnswer();
  });
  const answer = await response.json().catch(() => undefined);
  if (!response.ok) throw failureOf(response.status, answer);
  return answer;
}

/** @throws {Failure} */
export async function logIn(username: string, password: string): Promise<void> {
  const pair = (await post('login', { username, password })) as TokenPair;
  const response = await fetch('/api/v1/auth/me', {
    headers: { authorization: `Bearer ${pair.access_token}` },
  }).catch(() => {
    throw noAnswer();
  });
  if (!response.ok) throw failureOf(response.status, await response.json().catch(() => undefined));
  store({ access: pair.access_token, refresh: pair.refresh_token, me: (await response.json()) as Me });
  waiting?.resolve();
  waiting = undefined;
  changed();
}

/** Ends the session here at once, and at the API as well as it goes. */
export function logOut(): void {
  const session = stored();
  waiting = undefined;
  store(undefined);
  sessionStorage.clear();
  if (session) post('logout', { refresh_token: session.refresh }, session.access).catch(() => {});
}

/** Gets the next access token after one that was refused; asks for the password if there is no other way. */
async function renew(refused: string): Promise<void> {
  await exclusively(async () => {
    const session = stored();
    if (!session || session.access !== refused) return;
    try {
      const pair = (await post('refresh', { refresh_token: session.refresh })) as TokenPair;
      store({ ...session, access: pair.access_token, refresh: pair.refresh_token });
    } catch (error) {
      if (!(error instanceof Failure) || error.status !== 401) throw error;
      if (!waiting) {
        let resolve = () => {};
        const promise = new Promise<void>((done) => {
          resolve = done;
        });
        waiting = { promise, resolve };
        changed();
      }
    }
  });
  await waiting?.promise;
}

/** Web Locks exist only over https and on this machine; elsewhere only this tab is kept in line. */
let line: Promise<void> = Promise.resolve();
function exclusively(work: () => Promise<void>): Promise<void> {
  if ('locks' in navigator) return navigator.locks.request(LOCK, work).then(() => {});
  const turn = line.then(work);
  line = turn.catch(() => {});
  return turn;
}

/** Sends a request as the user who is logged in, again if the token had expired. */
export async function authorized(request: Request): Promise<Response> {
  for (let attempt = 0; ; attempt += 1) {
    const token = stored()?.access ?? '';
    const copy = request.clone();
    copy.headers.set('authorization', `Bearer ${token}`);
    const response = await fetch(copy).catch((error) => {
      throw request.signal.aborted ? error : noAnswer();
    });
    if (response.status !== 401 || attempt === 2) return response;
    await renew(token);
  }
}

export interface SessionState {
  readonly me: Me | undefined;
  /** Whether the user has to log in again before anything goes on. */
  readonly expired: boolean;
}

const state = (): SessionState => ({ me: stored()?.me, expired: waiting !== undefined });

export function useSession(): SessionState {
  const [current, set] = useState(state);
  useEffect(() => {
    const listener = () => set(state());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return current;
}
