import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { hashPassword } from '../../auth/passwords.js';
import { id, someOf, timestamp } from '../../fields.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { ROLES } from '../../repositories/users.js';
import { newPassword, refuseFlaw } from '../auth/schemas.js';
import { decodeCursor } from '../cursor.js';
import { etag, matchedVersions } from '../etag.js';
import { sendPage } from '../page.js';
import { IdParams, IfMatchHeader, PageQuery, Problem, page } from '../schemas.js';

const username = z
  .string()
  .regex(/^[A-Za-z0-9._@-]{1,64}$/)
  .meta({ examples: ['jane'] });
const role = z
  .enum(ROLES)
  .meta({ description: 'viewer reads, manager also writes, admin also manages users.' });

const User = z
  .object({
    id,
    username,
    role,
    active: z.boolean(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'User' });
const NewUser = z.strictObject({ username, password: newPassword, role }).meta({ id: 'NewUser' });
const UserPatch = someOf({ password: newPassword, role, active: z.boolean() }).meta({
  id: 'UserPatch',
  examples: [{ role: 'manager' }],
});

const tags = ['users'];

/** Who may log in. Users are not removed, since the ledger names them: they are made inactive. */
const users: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { users } = app.repositories;

  app.get(
    '/users',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'listUsers',
        summary: 'List users',
        querystring: PageQuery,
        response: { 200: page('User', User) },
      },
    },
    async ({ query: { limit, cursor } }, reply) => {
      const after = decodeCursor(cursor, 'username');
      const found = await users.list({ column: 'username', descending: false, limit, after, conditions: [] });
      return sendPage(reply, found, 'username');
    },
  );

  app.post(
    '/users',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'createUser',
        summary: 'Add a user',
        body: NewUser,
        response: { 201: User, 409: Problem },
        responseHeaders: { 201: ['etag', 'location'] },
      },
    },
    async (request, reply) => {
      const { username, password, role } = request.body;
      refuseFlaw(password, username, '/body/password');
      const passwordHash = await hashPassword(password);
      const user = await users.add({ username, passwordHash, role }, request.actor);
      reply.code(201).header('location', `/api/v1/users/${user.id}`).header('etag', etag(user.version));
      return reply.json(user.json);
    },
  );

  app.get(
    '/users/:id',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'getUser',
        summary: 'Read a user',
        params: IdParams,
        response: { 200: User, 404: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const user = await users.find(request.params.id);
      return reply.header('etag', etag(user.version)).json(user.json);
    },
  );

  app.patch(
    '/users/:id',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'updateUser',
        summary: 'Change the role, the password or the state of a user',
        description:
          'Takes effect within five seconds. A new password, or active: false, ends their sessions.',
        params: IdParams,
        headers: IfMatchHeader,
        body: UserPatch,
        response: { 200: User, 404: Problem, 409: Problem, 412: Problem, 428: Problem },
        responseHeaders: { 200: ['etag'] },
      },
    },
    async (request, reply) => {
      const versions = matchedVersions(request.headers['if-match']);
      const { password, role, active } = request.body;
      if (password !== undefined) {
        const { username } = JSON.parse((await users.find(request.params.id)).json);
        refuseFlaw(password, username, '/body/password');
      }
      const passwordHash = password === undefined ? undefined : await hashPassword(password);
      const user = await users.revise(
        request.params.id,
        versions,
        { role, active, passwordHash },
        request.actor,
      );
      app.forgetPrincipal(user.id);
      return reply.header('etag', etag(user.version)).json(user.json);
    },
  );
};

export default users;
