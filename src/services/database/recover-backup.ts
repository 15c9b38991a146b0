import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Recoverer } from '../recover.js';
import { startAgain } from './clients.js';
import { findDatabase } from './database.js';
import { endSessions } from './server-sessions.js';

/** What a backup leaves behind when it is killed. */
export const backupStateSchema = z.object({
  partial: z.string(),
  applicationName: z.string(),
  /** Services that a physical backup stopped and did not start again. */
  stopped: z.array(z.string()).default([]),
});

export type BackupState = z.input<typeof backupStateSchema>;

/** Ends the server sessions of a backup that was killed and removes its partial file. */
export const recoverBackup: Recoverer = async (context, entry) => {
  const { partial, applicationName, stopped } = backupStateSchema.parse(entry.state);
  const database = await findDatabase(await context.engine(), context.project());
  await endSessions(database, applicationName).catch((error) => {
    // A database that does not run has no sessions.
    if (!(error instanceof UserError) || error.code !== 'SERVICE_NOT_RUNNING') throw error;
  });
  await rm(partial, { force: true });
  await startAgain(database, stopped);
  return { outcome: 'reverted', message: `the unfinished ${partial} is removed` };
};
