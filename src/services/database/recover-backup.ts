import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Recoverer } from '../recover.js';
import { findDatabase } from './database.js';
import { endSessions } from './server-sessions.js';

/** What a backup leaves behind when it is killed. */
export const backupStateSchema = z.object({ partial: z.string(), applicationName: z.string() });

export type BackupState = z.infer<typeof backupStateSchema>;

/** Ends the server sessions of a backup that was killed and removes its partial file. */
export const recoverBackup: Recoverer = async (context, entry) => {
  const { partial, applicationName } = backupStateSchema.parse(entry.state);
  const database = await findDatabase(await context.engine(), context.project());
  await endSessions(database, applicationName).catch((error) => {
    // A database that does not run has no sessions.
    if (!(error instanceof UserError) || error.code !== 'SERVICE_NOT_RUNNING') throw error;
  });
  await rm(partial, { force: true });
  return { outcome: 'reverted', message: `the unfinished ${partial} is removed` };
};
