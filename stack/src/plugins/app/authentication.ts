import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { apiKeyHash, hasScope, isApiKey, type Scope, scopeOf } from '../../auth/api-keys.js';
import { LookupCache } from '../../auth/lookup-cache.js';
import { type AccessClaims, type AccessTokens, accessTokens } from '../../auth/tokens.js';
import { Problem, type ProblemCode } from '../../problem.js';
import { type KeyPrincipal, USE_NOTED_EVERY_MS } from '../../repositories/api-keys.js';
import type { Actor } from '../../repositories/audit.js';
import { type Principal, ROLES, type Role } from '../../repositories/users.js';

/** For so long may a user who was deactivated, or given another role, or a key that was revoked, go on as before. */
const PRINCIPAL_LIFE_MS = 5000;
const PRINCIPALS_KEPT = 10_000;

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens;
    /** Has a user who was changed by this process looked up anew. */
    forgetPrincipal(userId: number): void;
    /** The same for a key that was revoked by this process. */
    forgetApiKey(hash: Buffer): void;
  }
  interface FastifyRequest {
    /** The user who asks, or the key; only public routes have none. */
    principal: Pick<Principal, 'id' | 'username' | 'role'> | null;
    /** The same for the audit log. */
    readonly actor: Actor & { readonly userId: number };
  }
  interface FastifyContextConfig {
    /** The least role that may use the route. */
    role?: Role;
    /** Whether the route needs no token. */
    public?: true;
    /** What an API key needs for the route; `any` for any key. Without it, the route is for people alone. */
    scope?: Scope | 'any';
  }
}

/**
 * Every route under `/api/v1` needs a bearer token of a user with the route's role, or an API key with its scope, unless
 * it says that it is public. A route that says neither is refused when it is declared.
 */
export default fp(
  async (app) => {
    const tokens = accessTokens(app.settings.jwtKey);
    const { users, apiKeys } = app.repositories;
    const cache = { lifeMs: PRINCIPAL_LIFE_MS, kept: PRINCIPALS_KEPT };
    const principals = new LookupCache((userId: number) => users.principal(userId), cache);
    // By the hash in hex: the keys themselves are nowhere kept.
    const keys = new LookupCache((hash: string) => apiKeys.principal(Buffer.from(hash, 'hex')), cache);
    const useNoted = new Map<number, number>();

    /** Why the user may not use a route of this role; nothing, and the request has its user, if they may. */
    function refusal(
      request: FastifyRequest,
      role: Role,
      claims: AccessClaims,
      principal: Principal | undefined,
    ): Problem | undefined {
      // Not older or younger: a token of the same second may be of either password.
      const current = principal?.credentialsChangedAt === claims.credentialsChangedAt;
      if (!principal?.active || !current) return invalidToken();
      request.principal = principal;
      if (ROLES.indexOf(principal.role) < ROLES.indexOf(role)) {
        return new Problem(403, 'forbidden', `This needs the role ${role}.`);
      }
      return undefined;
    }

    /** The same for an API key, whose use is noted. */
    function keyRefusal(
      request: FastifyRequest,
      role: Role,
      scope: Scope | 'any' | undefined,
      key: KeyPrincipal | undefined,
    ): Problem | undefined {
      if (!key || (key.expiresAt !== null && key.expiresAt <= Date.now())) return invalidToken();
      request.principal = key;
      noteUse(key.id);
      if (scope === undefined) return new Problem(403, 'forbidden', 'This is for people, not for API keys.');
      if (scope !== 'any' && !hasScope(key.scopes, scope)) {
        return new Problem(403, 'forbidden', `This needs an API key with the scope ${scope}.`);
      }
      if (ROLES.indexOf(key.role) < ROLES.indexOf(role)) {
        return new Problem(403, 'forbidden', 'This needs an API key that may write.');
      }
      return undefined;
    }

    /** Nobody waits for it: a note that is lost is made at the next use. */
    function noteUse(id: number): void {
      const now = Date.now();
      if ((useNoted.get(id) ?? 0) > now - USE_NOTED_EVERY_MS) return;
      if (useNoted.size >= PRINCIPALS_KEPT) useNoted.clear();
      useNoted.set(id, now);
      apiKeys.noteUse(id).catch((error: unknown) => {
        useNoted.delete(id);
        app.log.debug({ err: error }, 'the use of an API key could not be noted');
      });
    }

    app.decorate('accessTokens', tokens);
    app.decorate('forgetPrincipal', (userId) => {
      principals.forget(userId);
    });
    app.decorate('forgetApiKey', (hash) => {
      keys.forget(hash.toString('hex'));
    });
    app.decorateRequest('principal', null);
    app.decorateRequest('actor', {
      getter(this: FastifyRequest) {
        if (!this.principal) throw new Error('a public route has no actor');
        return { userId: this.principal.id, requestId: this.id };
      },
    });

    app.addHook('onRoute', (route) => {
      if (route.url.startsWith('/api/v1') && !route.config?.public && !route.config?.role) {
        throw new Error(`${String(route.method)} ${route.url} declares neither a role nor that it is public`);
      }
      const { config, schema } = route;
      const scope = config?.role && config.role !== 'admin' && scopeOf(String(route.method), route.url);
      if (!config || !scope || config.scope !== undefined) return;
      // Routes may share the object.
      route.config = { ...config, scope };
      if (schema) {
        const { description } = schema as { description?: string };
        const needed = `An API key needs the scope ${scope}.`;
        route.schema = { ...schema, description: description ? `${description} ${needed}` : needed } as never;
      }
    });
    // Without a promise for a user who is known already, which is nearly every request.
    app.addHook('onRequest', (request, _reply, done) => {
      const { role, scope } = request.routeOptions.config;
      if (!role) return done();
      const [, token] = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
      if (token === undefined) return done(unauthorized('missing_token', 'A bearer token is needed.'));
      if (isApiKey(token)) {
        const hash = apiKeyHash(token).toString('hex');
        const known = keys.known(hash);
        if (known) return done(keyRefusal(request, role, scope, known));
        keys.lookUp(hash).then((key) => done(keyRefusal(request, role, scope, key)), done);
        return;
      }
      const claims = tokens.verify(token);
      if (!claims) return done(invalidToken());
      const known = principals.known(claims.userId);
      if (known && !isYounger(claims, known)) return done(refusal(request, role, claims, known));
      principals
        .lookUp(claims.userId)
        .then((principal) => done(refusal(request, role, claims, principal)), done);
    });
  },
  { name: 'authentication', dependencies: ['repositories'] },
);

/** A token of a password that another process has set since the user was looked up. */
function isYounger({ credentialsChangedAt }: AccessClaims, principal: Principal): boolean {
  return credentialsChangedAt > principal.credentialsChangedAt;
}

function invalidToken(): Problem {
  return unauthorized('invalid_token', 'The token is not valid, or no longer.');
}

function unauthorized(code: ProblemCode, detail: string): Problem {
  return new Problem(401, code, detail, { headers: { 'www-authenticate': 'Bearer' } });
}
