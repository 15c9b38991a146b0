import { assertNothingUnfinished, readJournal } from '../../system/journal.js';
import type { ServiceContext } from '../context.js';
import { type Operation, recoverEntry } from '../operation.js';

/**
 * Finishes or reverts a deployment that was cut off before another one begins. The caller holds the project's
 * lock with `recovers`.
 * @throws UserError UNFINISHED_OPERATION for another operation, and of {@link recoverEntry}
 */
export async function recoverDeployments<State, Step extends string, Subject>(
  context: ServiceContext,
  deployment: Operation<State, Step, Subject>,
): Promise<void> {
  const location = context.project();
  for (const entry of await readJournal(location)) {
    if (entry.operation !== deployment.name) continue;
    const { outcome, message } = await recoverEntry(deployment, context, entry);
    context.warn(`a deployment of ${entry.since} was cut off, and is ${outcome} now: ${message}`);
  }
  await assertNothingUnfinished(location);
}
