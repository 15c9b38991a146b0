import type { Context } from '../../cli/context.js';
import type { ServiceEvent } from '../../engine/engine.js';
import { type Board, createBoard } from '../up/board.js';

/** The board of `up` for a rollout, which is polled each second: a state is shown once. */
export async function createRolloutBoard(context: Context): Promise<Pick<Board, 'show' | 'stop'>> {
  const board = await createBoard(context, true);
  const shown = new Map<string, string>();
  return {
    stop: board.stop,
    show(event: ServiceEvent) {
      const state = `${event.phase} ${event.detail ?? ''}`;
      if (shown.get(event.service) === state) return;
      shown.set(event.service, state);
      board.show(event);
    },
  };
}
