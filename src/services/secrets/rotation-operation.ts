import { findDatabase } from '../../postgres/database.js';
import { startDatabase } from '../../postgres/start-database.js';
import { atPlace } from '../deploy/deployed-place.js';
import { operation } from '../operation.js';
import {
  carryOn,
  openRotation,
  ROTATION_STEPS,
  type Rotation,
  revertRotation,
  rotationStateSchema,
} from './rotation.js';

/**
 * Once the file has the new content, the rotation is finished; before that, or when the services do not
 * become healthy, it is reverted. In both cases the role, the file and the services agree afterwards.
 */
export const rotationOperation = operation({
  name: 'secrets rotate',
  state: rotationStateSchema,
  steps: ROTATION_STEPS,
  async reopen(world, state): Promise<Rotation> {
    const context = atPlace(world, state);
    if (state.kind !== 'password') return openRotation(context, state, undefined);
    const database = await findDatabase(await context.engine(), context.project());
    await startDatabase(context, database);
    return openRotation(context, state, database);
  },
  finish: {
    applies: async (_context, _rotation, { state: { reverting }, step }) =>
      !reverting && (step === 'recreate' || step === 'prove' || step === 'clean'),
    async complete(_context, rotation, run) {
      if (run.step === 'clean') await rotation.staged.discard();
      else await carryOn(rotation, run);
      return `${rotation.state.secret} has its new value`;
    },
  },
  async revert(_context, rotation, run) {
    await revertRotation(rotation, run);
    return `${rotation.state.secret} has its old value`;
  },
});
