import { normalizeIP } from '@fastify/rate-limit';
import type { FastifyPluginAsync } from 'fastify';
import { hashPassword, verifyPassword } from '../../auth/passwords.js';
import {
  ACCESS_TOKEN_SECONDS,
  type AccessClaims,
  newRefreshToken,
  refreshTokenHash,
} from '../../auth/tokens.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { Problem as Refusal } from '../../problem.js';
import { Empty, Problem } from '../schemas.js';
import { Credentials, Me, PasswordChange, RefreshRequest, refuseFlaw, TokenPair } from './schemas.js';

const tags = ['auth'];
/** For a name and a password, each character written as an escape. */
const bodyLimit = 6 * 1024;
const ACCOUNTS_BEHIND_ADDRESS = 10;

/** Who asks. */
const auth: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { users, refreshTokens } = app.repositories;

  // So many wrong guesses at one account from one address keep nobody else out, behind the same address or elsewhere.
  const attempts = app.createRateLimit({
    max: app.settings.loginRateLimit,
    timeWindow: 60_000,
    keyGenerator: (request) => {
      const { username } = request.body as { readonly username: string };
      return `login ${normalizeIP(request.ip, 64)} ${username.toLowerCase()}`;
    },
  });

  function tokenPair(claims: AccessClaims, refreshToken: string) {
    return {
      access_token: app.accessTokens.sign(claims),
      token_type: 'Bearer',
      expires_in: ACCESS_TOKEN_SECONDS,
      refresh_token: refreshToken,
    };
  }

  app.post(
    '/auth/login',
    {
      bodyLimit,
      config: {
        public: true,
        rateLimit: { max: app.settings.loginRateLimit * ACCOUNTS_BEHIND_ADDRESS, groupId: 'login' },
      },
      schema: {
        tags,
        operationId: 'logIn',
        summary: 'Log in',
        description:
          'So many attempts a minute for each account from one address, and ten times as many in all from it.',
        body: Credentials,
        response: { 200: TokenPair, 401: Problem },
      },
    },
    async (request, reply) => {
      const { username, password } = request.body;
      const attempt = await attempts(request);
      if (!attempt.isAllowed && attempt.isExceeded) {
        throw new Refusal(
          429,
          'rate_limited',
          `Too many logins: try again in ${attempt.ttlInSeconds} seconds.`,
          {
            headers: { 'retry-after': String(attempt.ttlInSeconds) },
          },
        );
      }
      const user = await users.credentials(username);
      if (!(await verifyPassword(user?.passwordHash, password)) || !user?.active) {
        throw new Refusal(401, 'wrong_credentials', 'User name or password is wrong.');
      }
      const refreshToken = newRefreshToken();
      const claims = { userId: user.id, credentialsChangedAt: user.credentialsChangedAt };
      await refreshTokens.start(claims, refreshTokenHash(refreshToken));
      return reply.header('cache-control', 'no-store').send(tokenPair(claims, refreshToken));
    },
  );

  app.post(
    '/auth/refresh',
    {
      bodyLimit,
      config: { public: true },
      schema: {
        tags,
        operationId: 'refreshTokens',
        summary: 'Exchange a refresh token for new tokens',
        description: 'Each is good for one use. A second use ends the whole session, for whoever holds it.',
        body: RefreshRequest,
        response: { 200: TokenPair, 401: Problem },
      },
    },
    async (request, reply) => {
      const successor = newRefreshToken();
      const claims = await refreshTokens.rotate(
        refreshTokenHash(request.body.refresh_token),
        refreshTokenHash(successor),
      );
      if (claims === undefined) {
        throw new Refusal(
          401,
          'invalid_refresh_token',
          'The refresh token is not valid, or no longer: log in.',
        );
      }
      return reply.header('cache-control', 'no-store').send(tokenPair(claims, successor));
    },
  );

  app.post(
    '/auth/logout',
    {
      bodyLimit,
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'logOut',
        summary: 'End a session',
        description:
          'Its refresh token and all that descend from it are void. The access token lives out its time.',
        body: RefreshRequest,
        response: { 204: Empty, 404: Problem },
      },
    },
    async (request, reply) => {
      const revoked = await refreshTokens.revoke(
        request.actor.userId,
        refreshTokenHash(request.body.refresh_token),
      );
      if (!revoked) throw new Refusal(404, 'not_found', 'You have no such refresh token.');
      return reply.code(204).send();
    },
  );

  app.post(
    '/auth/password',
    {
      bodyLimit,
      config: { role: 'viewer', rateLimit: { max: app.settings.loginRateLimit, groupId: 'password' } },
      schema: {
        tags,
        operationId: 'changePassword',
        summary: 'Change your password',
        description: 'Ends all your sessions: log in with the new one.',
        body: PasswordChange,
        response: { 204: Empty },
      },
    },
    async (request, reply) => {
      const { current_password, new_password } = request.body;
      const { userId } = request.actor;
      const username = request.principal?.username ?? '';
      refuseFlaw(new_password, username, '/body/new_password');
      const user = await users.credentials(username);
      if (!(await verifyPassword(user?.passwordHash, current_password))) {
        throw new Refusal(401, 'wrong_credentials', 'The current password is wrong.');
      }
      await users.revise(userId, null, { passwordHash: await hashPassword(new_password) }, request.actor);
      app.forgetPrincipal(userId);
      return reply.code(204).send();
    },
  );

  app.get(
    '/auth/me',
    {
      config: { role: 'viewer', scope: 'any' },
      schema: { tags, operationId: 'getMe', summary: 'Read who you are', response: { 200: Me } },
    },
    async ({ principal }) => ({ id: principal?.id, username: principal?.username, role: principal?.role }),
  );
};

export default auth;
