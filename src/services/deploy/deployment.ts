import { beginJournal } from '../../system/journal.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import type { Operation } from '../operation.js';
import { deployFailed, type FailureWords, type TakenBack } from './deploy-failed.js';
import { type DeployFailure, wentAway } from './evidence.js';

export interface Deployment<State, Failure, Subject> {
  operation: Operation<State, 'apply' | 'wait' | 'clean', Subject>;
  state: State;
  /** False where it is a step of an operation that has a journal. */
  journaled: boolean;
  /** Name of what is deployed. */
  name: string;
  handOver(): Promise<void>;
  /** Waits until everything is ready, or something fails. */
  watch(): Promise<{ failures: Failure[]; seconds: Record<string, number> }>;
  /** What becomes of it without invctl, for a person who interrupts `watch`. */
  continues: string;
  /** Gathers what is known about failures, while what failed is still there. */
  explain(failures: readonly Failure[]): Promise<DeployFailure[]>;
  takeBack(): Promise<TakenBack>;
  words: FailureWords;
  /** Removes what no version needs any more, once everything is ready. */
  clean(): Promise<void>;
}

/**
 * Runs a deployment. `perform` would revert it after every error. This one goes on by itself where invctl is
 * interrupted or the orchestrator stops answering, and its entry stays for `recover`; what failed is explained
 * before it is taken back, and what is ready stays whatever happens to the old secrets.
 *
 * @returns the seconds until each service was ready
 * @throws UserError DEPLOY_FAILED (exit 6), and what `handOver` throws
 */
export async function runDeployment<State, Failure, Subject>(
  context: ServiceContext,
  deployment: Deployment<State, Failure, Subject>,
): Promise<Record<string, number>> {
  const { operation, state, journaled, name } = deployment;
  const options = { operation: operation.name, id: timeId(new Date()) };
  const journal = journaled ? await beginJournal<State>(context.project(), options) : undefined;
  await journal?.step('apply', state);
  try {
    await deployment.handOver();
  } catch (error) {
    const away = wentAway(error, `invctl ${operation.name}`, name);
    if (away) throw away;
    // What was handed over before the orchestrator refused the rest goes back as well.
    await deployment.takeBack();
    await journal?.end();
    throw error;
  }
  await journal?.step('wait', state);
  const { failures, seconds } = await watched(context, deployment);
  if (failures.length > 0) {
    const explained = await deployment.explain(failures);
    const left = await deployment.takeBack();
    await journal?.end();
    throw deployFailed(explained, left, deployment.words);
  }
  await journal?.step('clean', state);
  await deployment.clean();
  await journal?.end();
  return seconds;
}

async function watched<State, Failure, Subject>(
  { signal, warn }: ServiceContext,
  { operation, name, watch, continues }: Deployment<State, Failure, Subject>,
): Promise<{ failures: Failure[]; seconds: Record<string, number> }> {
  try {
    return await watch();
  } catch (error) {
    if (signal.aborted) {
      warn(continues);
      throw error;
    }
    throw wentAway(error, `invctl ${operation.name}`, name) ?? error;
  }
}
