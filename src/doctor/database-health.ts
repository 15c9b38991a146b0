import type { Columns, Row } from '../postgres/inspection/column.js';
import type { Section } from '../postgres/inspection/section.js';
import { SECTIONS } from '../postgres/inspection/sections.js';
import { SERVER_SQL, type Server } from '../postgres/inspection/server.js';
import { visible } from '../postgres/inspection/words.js';
import { sessionOptions, withSessionOptions } from '../postgres/session-settings.js';
import { HEALTH_LIMITS } from '../project/health-limits.js';
import { type Check, defineCheck, type Verdict } from './check.js';
import type { Facts } from './facts.js';
import { serverCatalogue } from './server-catalogue.js';

/** What is asked for together, so that all checks of the chapter cost one session. */
const ASKED = SECTIONS.filter(({ dangers }) => dangers !== undefined);

/** No look of a probe waits: it has ten seconds in all. */
const IMPATIENT = ['statement_timeout=6s', 'lock_timeout=1s'];

interface Look {
  server: Server;
  /** By the section's id. */
  rows: Record<string, unknown[]>;
}

/** A check that tells of what a section of `invctl db inspect` calls dangerous. */
export function healthCheck<C extends Columns>(
  check: Pick<Check, 'id' | 'title' | 'severity' | 'why' | 'docs'> & { section: Section<C> },
): Check {
  const { section, ...told } = check;
  return defineCheck({
    ...told,
    chapter: 'health',
    needs: ['config', 'database'],
    requires: ['db.unhealthy', 'db.role-missing', 'db.database-missing'],
    async probe(facts): Promise<Verdict> {
      const look = await lookAt(facts);
      if ('skip' in look) return look;
      const rows = (look.rows[section.id] ?? []) as Row<C>[];
      const limits = facts.settings?.doctor.limits ?? HEALTH_LIMITS;
      const service = facts.database?.name;
      return (section.dangers?.(rows, look.server, limits) ?? []).map(({ weight, message, next }) => ({
        severity: weight,
        message: facts.mask(visible(message)),
        next,
        ...(service === undefined ? {} : { service }),
      }));
    },
  });
}

const looks = new WeakMap<Facts, Promise<Look | { skip: string }>>();

function lookAt(facts: Facts): Promise<Look | { skip: string }> {
  const known = looks.get(facts) ?? look(facts);
  looks.set(facts, known);
  return known;
}

async function look(facts: Facts): Promise<Look | { skip: string }> {
  const wanted = facts.databaseSettings();
  const { superuser, databases } = await serverCatalogue(facts);
  if (!wanted || !databases) return { skip: 'no role of the project is let in over the local socket' };
  if (!databases.has(wanted.database)) return { skip: `the server has no database "${wanted.database}"` };
  const login = { user: superuser ?? wanted.superuser, database: wanted.database };
  const [server] = JSON.parse(await ask(facts, login, inJson(SERVER_SQL))) as [Server];
  const parts = ASKED.map((section) => `'${section.id}', (${inJson(section.sql(server))})`);
  const rows = JSON.parse(await ask(facts, login, `SELECT json_build_object(${parts.join(', ')})`));
  return { server, rows };
}

const inJson = (query: string) => `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`;

/**
 * The only value of a query, over the local socket, under settings of ours alone: none that the project has set for
 * its sessions counts.
 * @throws Error with what the server said, credentials masked.
 */
async function ask(facts: Facts, login: { user: string; database: string }, sql: string): Promise<string> {
  const engine = await facts.engine();
  if (engine.kind === 'embedded') {
    const connection = await engine.engine.connection(facts.location, facts.database?.name);
    const { default: pg } = await import('pg');
    const options = sessionOptions({ major: connection.serverMajor, superuser: true, more: IMPATIENT });
    const client = new pg.Client({
      host: connection.socketFolder,
      port: connection.port,
      ...login,
      options,
      application_name: 'invctl doctor',
      connectionTimeoutMillis: 5_000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query<[unknown]>({ text: `SELECT (${sql})::text`, rowMode: 'array' });
      return String(rows[0]?.[0]);
    } finally {
      await client.end().catch(() => {});
    }
  }
  const running = await facts.runningDatabase();
  if (!running) throw new Error('the database is not running');
  const psql = ['psql', '-XAtqw', '-U', login.user, '-d', login.database, '-v', 'ON_ERROR_STOP=1', '-f', '-'];
  const command = ['env', 'PGAPPNAME=invctl doctor', ...withSessionOptions(psql, login, IMPATIENT)];
  const { status, stdout, stderr } = await facts.docker.exec(running.container.Id, command, `${sql};\n`);
  if (status !== 0) throw new Error(facts.mask(stderr.trim()));
  return stdout;
}
