import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type AccessClaims, type AccessTokens, accessTokens } from '../../auth/tokens.js';
import { Problem, type ProblemCode } from '../../problem.js';
import type { Actor } from '../../repositories/audit.js';
import { type Principal, ROLES, type Role } from '../../repositories/users.js';

/** For so long may a user who was deactivated, or given another role, go on as before. */
const PRINCIPAL_LIFE_MS = 5000;
const PRINCIPALS_KEPT = 10_000;

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens;
    /** Has a user who was changed by this process looked up anew. */
    forgetPrincipal(userId: number): void;
  }
  interface FastifyRequest {
    /** The user who asks; only public routes have none. */
    principal: Principal | null;
    /** The same for the audit log. */
    readonly actor: Actor & { readonly userId: number };
  }
  interface FastifyContextConfig {
    /** The least role that may use the route. */
    role?: Role;
    /** Whether the route needs no token. */
    public?: true;
  }
}

/**
 * Every route under `/api/v1` needs a bearer token of a user with the route's role, unless it says that it is
 * public. A route that says neither is refused when it is declared.
 */
export default fp(
  async (app) => {
    const tokens = accessTokens(app.settings.jwtKey);
    const principals = new Map<
      number,
      { readonly principal: Principal | undefined; readonly until: number }
    >();

    const lookups = new Map<number, Promise<Principal | undefined>>();

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

    /** Requests that come while it is looked up share the answer. */
    function lookUp(userId: number): Promise<Principal | undefined> {
      const pending = lookups.get(userId);
      if (pending) return pending;
      const lookup: Promise<Principal | undefined> = app.repositories.users
        .principal(userId)
        .then((principal) => {
          if (lookups.get(userId) !== lookup) return principal;
          if (principals.size >= PRINCIPALS_KEPT) principals.clear();
          principals.set(userId, { principal, until: Date.now() + PRINCIPAL_LIFE_MS });
          return principal;
        })
        .finally(() => {
          if (lookups.get(userId) === lookup) lookups.delete(userId);
        });
      lookups.set(userId, lookup);
      return lookup;
    }

    app.decorate('accessTokens', tokens);
    app.decorate('forgetPrincipal', (userId) => {
      principals.delete(userId);
      lookups.delete(userId);
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
    });
    // Without a promise for a user who is known already, which is nearly every request.
    app.addHook('onRequest', (request, _reply, done) => {
      const { role } = request.routeOptions.config;
      if (!role) return done();
      const [, token] = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
      if (token === undefined) return done(unauthorized('missing_token', 'A bearer token is needed.'));
      const claims = tokens.verify(token);
      if (!claims) return done(invalidToken());
      const known = principals.get(claims.userId);
      if (known && known.until > Date.now() && !isYounger(claims, known.principal)) {
        return done(refusal(request, role, claims, known.principal));
      }
      lookUp(claims.userId).then((principal) => done(refusal(request, role, claims, principal)), done);
    });
  },
  { name: 'authentication', dependencies: ['repositories'] },
);

/** A token of a password that another process has set since the user was looked up. */
function isYounger({ credentialsChangedAt }: AccessClaims, principal: Principal | undefined): boolean {
  return credentialsChangedAt > (principal?.credentialsChangedAt ?? 0);
}

function invalidToken(): Problem {
  return unauthorized('invalid_token', 'The token is not valid, or no longer.');
}

function unauthorized(code: ProblemCode, detail: string): Problem {
  return new Problem(401, code, detail, { headers: { 'www-authenticate': 'Bearer' } });
}
