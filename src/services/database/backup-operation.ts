import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { startAgain } from '../../postgres/clients.js';
import { findDatabase } from '../../postgres/database.js';
import { endSessions } from '../../postgres/server-sessions.js';
import { operation } from '../operation.js';

/** What a backup leaves behind when it is killed. */
const stateSchema = z.object({
  partial: z.string(),
  applicationName: z.string(),
  /** Services that a physical backup stopped and did not start again. */
  stopped: z.array(z.string()).default([]),
});

export const backupOperation = operation({
  name: 'db backup',
  state: stateSchema,
  // `copy` belongs to a physical backup, which stops the database.
  steps: ['dump', 'copy'],
  harmless: true,
  reopen: async (context) => findDatabase(await context.engine(), context.project()),
  /** Ends the server sessions of a backup that was killed and removes its partial file. */
  async revert(_context, database, { state: { partial, applicationName, stopped }, cutOff }) {
    if (cutOff) {
      await endSessions(database, applicationName).catch((error) => {
        // A database that does not run has no sessions.
        if (!(error instanceof UserError) || error.code !== 'SERVICE_NOT_RUNNING') throw error;
      });
    }
    await rm(partial, { force: true });
    if (cutOff) await startAgain(database, stopped);
    return `the unfinished ${partial} is removed`;
  },
});
