import { createHash, randomBytes } from 'node:crypto';

/** By which a key is told from an access token, and found by those who look for secrets in files. */
const PREFIX = 'invk_';
/** Characters of a key that are shown for ever: of 256 random bits, 24. */
const START_LENGTH = PREFIX.length + 4;

/** What a key may be for. Writing includes reading. */
export const SCOPES = [
  'items:read',
  'items:write',
  'stock:read',
  'stock:write',
  'imports:read',
  'imports:write',
  'reports:read',
] as const;
export type Scope = (typeof SCOPES)[number];

/** By the first part of a route's path below `/api/v1`. Users, keys, webhooks and the audit log are for people. */
const AREAS: Readonly<Record<string, string>> = {
  items: 'items',
  categories: 'items',
  suppliers: 'items',
  locations: 'items',
  stock: 'stock',
  movements: 'stock',
  imports: 'imports',
  reports: 'reports',
};

/** The scope that a key needs for a route; nothing for a route that no key may use. */
export function scopeOf(method: string, url: string): Scope | undefined {
  const [, first = ''] = /^\/api\/v1\/([a-z-]+)/.exec(url) ?? [];
  const wanted = `${AREAS[first]}:${/^(GET|HEAD)$/.test(method) ? 'read' : 'write'}`;
  return SCOPES.find((scope) => scope === wanted);
}

export function hasScope(scopes: readonly Scope[], wanted: Scope): boolean {
  return scopes.some((scope) => scope === wanted || scope === wanted.replace(':read', ':write'));
}

/** Whether a key may change anything. */
export function writes(scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => scope.endsWith(':write'));
}

export interface NewApiKey {
  /** The key itself, which is stored nowhere. */
  readonly key: string;
  readonly hash: Buffer;
  readonly start: string;
}

/** A key of 256 random bits. A plain hash is enough for a value that nobody can guess. */
export function newApiKey(): NewApiKey {
  const key = PREFIX + randomBytes(32).toString('base64url');
  return { key, hash: apiKeyHash(key), start: key.slice(0, START_LENGTH) };
}

export function isApiKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

export function apiKeyHash(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
