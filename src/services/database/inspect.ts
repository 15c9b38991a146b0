import type { Session } from '../../engine/database-access.js';
import { UserError } from '../../errors.js';
import { findDatabase } from '../../postgres/database.js';
import type { Columns, Row } from '../../postgres/inspection/column.js';
import type { Advice, Section } from '../../postgres/inspection/section.js';
import { SECTIONS } from '../../postgres/inspection/sections.js';
import { SERVER_SQL, type Server } from '../../postgres/inspection/server.js';
import { identifierOnOneLine, psqlCommand, visible } from '../../postgres/inspection/words.js';
import { openSession } from '../../postgres/open-session.js';
import { onlyRow } from '../../postgres/session.js';
import type { ServiceContext } from '../context.js';

export type { Column, Columns } from '../../postgres/inspection/column.js';
export type { Advice } from '../../postgres/inspection/section.js';
export { visible };

/** Every section that can be asked for, in display order. */
export const INSPECTION: readonly Pick<Section, 'id' | 'title' | 'meaning' | 'columns'>[] = SECTIONS;

/**
 * Limit of one query, and of its wait for a lock. A query that takes longer is reported as such, and the
 * others run.
 */
const MOST_SECONDS = 20;
const IMPATIENT = `SET jit = off; SET statement_timeout = '${MOST_SECONDS}s'; SET lock_timeout = '2s'; SET default_transaction_read_only = on;`;

export interface InspectInput {
  /** Ids; empty: all. */
  sections: readonly string[];
  /** Another database of the same server. */
  database?: string | undefined;
}

export interface SectionLook {
  id: string;
  title: string;
  meaning: string;
  columns: Columns;
  rows: readonly Row<Columns>[];
  findings: Advice[];
  /** Why there are no rows. */
  unavailable?: { reason: string; next: string };
}

export interface Inspection {
  server: Server;
  /** What the session's role is not allowed to see, and the next command. */
  blind?: { reason: string; next: string };
  sections: SectionLook[];
}

/** Reads the project's database, as often as it is asked. */
export interface Inspector {
  look(): Promise<Inspection>;
  close(): Promise<void>;
}

/**
 * Opens a read-only session to inspect the project's database.
 * @throws UserError of `findDatabase`, and of a session that is refused
 */
export async function openInspector(
  context: ServiceContext,
  { sections: ids, database: name }: InspectInput,
): Promise<Inspector> {
  const database = await findDatabase(await context.engine(), context.project());
  const wanted = SECTIONS.filter(({ id }) => ids.length === 0 || ids.includes(id));
  const { limits } = database.settings.doctor;
  let session: Session | undefined;
  const connect = async () => {
    if (session) return session;
    const options = { applicationName: 'invctl db inspect', signal: context.signal };
    session = await openSession(database, name === undefined ? options : { ...options, database: name });
    await session.run(IMPATIENT);
    return session;
  };
  const ask = async <Answer>(query: (session: Session) => Promise<Answer>): Promise<Answer> => {
    try {
      return await query(await connect());
    } catch (error) {
      // A session ends at its first error.
      await session?.close();
      session = undefined;
      throw error;
    }
  };
  return {
    async look() {
      const server = await ask((open) => onlyRow<Server>(open, SERVER_SQL));
      const looks: SectionLook[] = [];
      for (const section of wanted) {
        const { id, title, meaning, columns, dangers, hints } = section;
        const look: SectionLook = { id, title, meaning, columns, rows: [], findings: [] };
        looks.push(look);
        const lack = section.lacks?.(server);
        if (lack) {
          look.unavailable = lack;
          continue;
        }
        try {
          look.rows = await ask((open) => open.rows<Row<Columns>>(section.sql(server)));
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          look.unavailable = { reason: whyNot(error.message), next: `invctl db inspect --section ${id}` };
          continue;
        }
        const advice = [
          ...(dangers?.(look.rows, server, limits) ?? []),
          ...(hints?.(look.rows, server) ?? []),
        ];
        look.findings = advice.map((one) => ({ ...one, message: visible(one.message) }));
      }
      const blind = whatIsHidden(server);
      return { server, sections: looks, ...(blind ? { blind } : {}) };
    },
    close: async () => session?.close(),
  };
}

/** @param said the error of the session */
function whyNot(said: string): string {
  if (/statement timeout/.test(said)) return `it took more than ${MOST_SECONDS} s, and was given up`;
  if (/lock timeout/.test(said)) return 'it would have to wait for a lock that somebody holds';
  return visible(said);
}

function whatIsHidden({ seesAll, role }: Server): Inspection['blind'] {
  if (seesAll) return undefined;
  const grant = `GRANT pg_monitor TO ${identifierOnOneLine(role)}`;
  return {
    reason: `the role ${visible(role)} is not a member of pg_monitor: of other roles' sessions it sees neither state nor query, and not every size and sequence`,
    next: `as a superuser: ${psqlCommand(grant)}`,
  };
}
