// A one-off program beside the API, for whoever may run programs in its container: what is stored of the admin's
// password, another password, or what was stored before. One order in JSON on standard input, one answer on standard
// output. `invctl secrets rotate admin_password` runs it; nobody needs to know the password of now.
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { passwordFlaw } from './auth/password-rules.js';
import { hashPassword } from './auth/passwords.js';
import { Database } from './database/database.js';
import { SYSTEM } from './repositories/audit.js';
import { Users } from './repositories/users.js';
import { loadSettings, SettingsError } from './settings/load.js';

const Order = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('read') }),
  z.strictObject({ action: z.literal('set'), password: z.string().min(1).max(256) }),
  z.strictObject({ action: z.literal('restore'), passwordHash: z.string().startsWith('$argon2') }),
  z.strictObject({ action: z.literal('try'), password: z.string().min(1).max(256) }),
]);
type Order = z.infer<typeof Order>;

/** Why an order is not carried out. */
class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const answer = await carryOut().catch((error: unknown) => {
  if (error instanceof Refusal) return { ok: false, code: error.code, message: error.message };
  if (error instanceof SettingsError)
    return { ok: false, code: 'settings', message: error.problems.join('; ') };
  throw error;
});
process.stdout.write(`${JSON.stringify(answer)}\n`);

async function carryOut(): Promise<Record<string, unknown>> {
  const order = Order.parse(JSON.parse(await text(process.stdin)));
  const { settings } = loadSettings();
  const { adminUsername: username } = settings;
  if (order.action === 'try') {
    const url = `http://${settings.host === '0.0.0.0' ? '127.0.0.1' : settings.host}:${settings.port}`;
    return { ok: true, username, accepted: await logsIn(url, username, order.password) };
  }
  const database = new Database(settings, () => {});
  try {
    return { ok: true, username, ...(await change(database, username, order)) };
  } finally {
    await database.close();
  }
}

async function change(
  database: Database,
  username: string,
  order: Exclude<Order, { action: 'try' }>,
): Promise<Record<string, unknown>> {
  const users = new Users(database);
  const user = await users.credentials(username);
  const principal = user && (await users.principal(user.id));
  if (!user || !principal?.active || principal.role !== 'admin') throw await noAdmin(database, username);
  if (order.action === 'read') return { passwordHash: user.passwordHash };
  if (order.action === 'restore') {
    const { passwordHash } = order;
    if (passwordHash !== user.passwordHash) await users.revise(user.id, null, { passwordHash }, SYSTEM);
    return {};
  }
  const flaw = passwordFlaw(order.password, username);
  if (flaw !== undefined) throw new Refusal('weak_password', `the password ${flaw}`);
  await users.revise(user.id, null, { passwordHash: await hashPassword(order.password) }, SYSTEM);
  return {};
}

async function noAdmin(database: Database, username: string): Promise<Refusal> {
  const rows = await database.query<{ username: string }>({
    text: `SELECT username FROM users WHERE role = 'admin' AND active ORDER BY username LIMIT 20`,
  });
  const others = rows.map((row) => row.username).join(', ');
  return new Refusal(
    'no_admin',
    `there is no active admin called ${username} (ADMIN_USERNAME); there is ${others || 'none at all'}`,
  );
}

/** Whether the API lets somebody in with it. The session that this begins is ended again. */
async function logsIn(url: string, username: string, password: string): Promise<boolean> {
  const post = (path: string, body: object, token?: string) =>
    fetch(`${url}/api/v1/auth/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    }).catch((error: unknown) => {
      const why =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new Refusal('api_down', `the API does not answer: ${why}`);
    });
  const response = await post('login', { username, password });
  if (response.status === 401) return false;
  if (response.status !== 200) {
    throw new Refusal('api_refused', `the API answers a login with ${response.status}`);
  }
  const { access_token, refresh_token } = (await response.json()) as Record<string, string>;
  await post('logout', { refresh_token }, access_token);
  return true;
}
