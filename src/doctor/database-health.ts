import { UserError } from '../errors.js';
import type { Columns, Row } from '../postgres/inspection/column.js';
import type { Section } from '../postgres/inspection/section.js';
import { SECTIONS } from '../postgres/inspection/sections.js';
import { SERVER_SQL, type Server } from '../postgres/inspection/server.js';
import { visible } from '../postgres/inspection/words.js';
import { onlyRow } from '../postgres/session.js';
import { HEALTH_LIMITS } from '../project/health-limits.js';
import { type Check, defineCheck, type Verdict } from './check.js';
import type { Facts } from './facts.js';
import { serverCatalogue } from './server-catalogue.js';

/** Sections that are queried together, so that all checks of the chapter need one session. */
const ASKED = SECTIONS.filter(({ dangers }) => dangers !== undefined);

/** Queries of a probe do not wait: the probe has ten seconds in all. */
const IMPATIENT = ['statement_timeout=6s', 'lock_timeout=1s'];

interface Look {
  server: Server;
  /** By the section's id. */
  rows: Record<string, unknown[]>;
}

/** A check that reports what a section of `invctl db inspect` marks as dangerous. */
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
  const options = { database: wanted.database, settings: IMPATIENT };
  const session = await facts.session(superuser ?? wanted.superuser, options);
  try {
    const server = await onlyRow<Server>(session, SERVER_SQL);
    const parts = ASKED.map((section) => `'${section.id}', (${inJson(section.sql(server))})`);
    const { found } = await onlyRow<{ found: Look['rows'] }>(
      session,
      `SELECT json_build_object(${parts.join(', ')}) AS found`,
    );
    return { server, rows: found };
  } catch (error) {
    throw error instanceof UserError ? new Error(facts.mask(error.message), { cause: error }) : error;
  } finally {
    await session.close();
  }
}

const inJson = (query: string) => `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`;
