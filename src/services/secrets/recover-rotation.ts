import { UserError } from '../../errors.js';
import { beginJournal } from '../../system/journal.js';
import { findDatabase } from '../database/database.js';
import { startDatabase } from '../database/start-database.js';
import type { Recoverer } from '../recover.js';
import {
  carryOn,
  openRotation,
  ROTATE_OPERATION,
  type RotationState,
  type RotationStep,
  revert,
  rotationStateSchema,
  stepper,
} from './rotation.js';

/**
 * With the new content in the file, the rotation goes on to its end; before that, or where the services do not
 * become healthy, everything goes back. Either way the role, the file and the services agree afterwards.
 */
export const recoverRotation: Recoverer = async (context, entry) => {
  const state = rotationStateSchema.parse(entry.state);
  const database =
    state.kind === 'password' ? await findDatabase(await context.engine(), context.project()) : undefined;
  if (database) await startDatabase(context, database);
  const rotation = openRotation(context, state, database);
  const finished = { outcome: 'finished', message: `${state.secret} has its new value` } as const;
  const journal = await beginJournal<RotationState>(context.project().directory, {
    operation: ROTATE_OPERATION,
    id: entry.id,
  });
  const begin = stepper(journal, state, () => {});
  const step = entry.step as RotationStep;
  let failure = '';
  if (step === 'clean') {
    await rotation.staged.discard();
    return finished;
  }
  if (step === 'recreate' || step === 'prove') {
    try {
      await carryOn(rotation, begin);
      return finished;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failure = `: ${error.message}`;
    }
  }
  // After a restart of the machine, services may have come back with whatever the file held.
  state.recreated ||= step !== 'prepare' && step !== 'alter';
  await begin('revert');
  await revert(rotation);
  return { outcome: 'reverted', message: `${state.secret} has its old value${failure}` };
};
