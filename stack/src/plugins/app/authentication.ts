import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type AccessTokens, accessTokens } from '../../auth/tokens.js';
import { Problem } from '../../problem.js';
import type { Actor } from '../../repositories/audit.js';
import { type Principal, ROLES, type Role } from '../../repositories/users.js';

/** For so long may a user who was deactivated, or given another role, go on as before. */
const PRINCIPAL_LIFE_MS = 5000;
const PRINCIPALS_KEPT = 10_000;

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens;
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
      { readonly found: Promise<Principal | undefined>; readonly until: number }
    >();

    function principalOf(userId: number): Promise<Principal | undefined> {
      const known = principals.get(userId);
      if (known && known.until > Date.now()) return known.found;
      if (principals.size >= PRINCIPALS_KEPT) principals.clear();
      const found = app.repositories.users.principal(userId);
      principals.set(userId, { found, until: Date.now() + PRINCIPAL_LIFE_MS });
      found.catch(() => principals.delete(userId));
      return found;
    }

    async function authenticate(request: FastifyRequest, role: Role): Promise<void> {
      const [, token] = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
      if (token === undefined) throw unauthorized('missing_token', 'A bearer token is needed.');
      const claims = tokens.verify(token);
      if (!claims) throw unauthorized('invalid_token', 'The token is not valid, or no longer.');
      const principal = await principalOf(claims.userId);
      if (!principal?.active || claims.issuedAt < principal.credentialsChangedAt) {
        throw unauthorized('invalid_token', 'The token is not valid, or no longer.');
      }
      request.principal = principal;
      if (ROLES.indexOf(principal.role) < ROLES.indexOf(role)) {
        throw new Problem(403, 'forbidden', `This needs the role ${role}.`);
      }
    }

    app.decorate('accessTokens', tokens);
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
    app.addHook('onRequest', async (request) => {
      const { role } = request.routeOptions.config;
      if (role) await authenticate(request, role);
    });
  },
  { name: 'authentication', dependencies: ['repositories'] },
);

function unauthorized(code: string, detail: string): Problem {
  return new Problem(401, code, detail, { headers: { 'www-authenticate': 'Bearer' } });
}
