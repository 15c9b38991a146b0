import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Secret } from '../../system/secret.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { clusterSchema, redeployK8s } from '../deploy/cluster-project.js';
import { atPlace, type DeployedPlace, journaled } from '../deploy/deployed-place.js';
import { operation, perform, type Run } from '../operation.js';
import { AdminPassword } from './admin-password.js';
import { runningAmong } from './holders.js';
import { StagedFile } from './staged-file.js';

const HEALTH_TIMEOUT_MS = 120_000;
const STEPS = ['prepare', 'change', 'prove', 'swap', 'clean'] as const;

export type AdminStep = (typeof STEPS)[number];

const stateSchema = z.object({
  secret: z.string(),
  file: z.string(),
  /** Service whose container has the program that changes the password. */
  service: z.string(),
  /** True: it is a service of the project's stack in the Swarm. */
  swarm: z.boolean().default(false),
  /** The namespace that the project is deployed to, if the service is there. */
  cluster: clusterSchema.optional(),
});
type AdminState = z.infer<typeof stateSchema>;

interface AdminRotation {
  state: AdminState;
  staged: StagedFile;
  admin: AdminPassword;
}

/**
 * Once a login with the new password succeeded, the rotation is finished. Before that, the stored hash and
 * the file are restored. The admin's sessions end in both cases.
 */
export const adminRotationOperation = operation({
  name: 'secrets rotate admin_password',
  state: stateSchema,
  steps: STEPS,
  async reopen(world, state): Promise<AdminRotation> {
    const context = atPlace(world, state);
    const engine = await context.engine();
    const services = [state.service];
    if ((await runningAmong(engine, context.project(), services)).length === 0) {
      await engine.up(context.project(), { services, wait: true, timeoutMs: HEALTH_TIMEOUT_MS }, () => {});
    }
    return open(context, state);
  },
  finish: {
    applies: async (_context, _rotation, { step }) => step === 'swap' || step === 'clean',
    async complete(_context, { state, staged }) {
      // Absent: the swap was done already.
      if (await staged.next()) await staged.swap();
      await staged.discard();
      return `${state.secret} has its new value`;
    },
  },
  async revert(_context, { state, staged, admin }) {
    const hash = await staged.verifier();
    if (hash) await admin.restore(hash);
    await staged.swapBack();
    await staged.discard();
    return `${state.secret} has its old value`;
  },
});

async function open(context: ServiceContext, state: AdminState): Promise<AdminRotation> {
  const admin = new AdminPassword(await context.engine(), context.project(), state.service);
  return { state, staged: new StagedFile(state.file), admin };
}

/**
 * Gives the admin of a scaffold another password: in the API's database, verified by a login, and in the
 * file. The current one is not needed. The caller holds the project's lock.
 *
 * @throws UserError ADMIN_API_DOWN and of {@link AdminPassword} before anything is changed; ROTATION_REVERTED
 */
export async function rotateAdminPassword(
  context: ServiceContext,
  secret: { name: string; file: string; services: readonly string[] },
  value: Secret,
  place: DeployedPlace,
  onStep?: (step: AdminStep | 'revert') => void,
): Promise<void> {
  const engine = await context.engine();
  const [service] = await runningAmong(engine, context.project(), secret.services);
  if (service === undefined) {
    throw new UserError({
      code: 'ADMIN_API_DOWN',
      message: 'the API does not run, and it alone changes the password of its admin',
      hint: place.cluster
        ? `${redeployK8s(place.cluster)} && invctl secrets rotate --deployed admin_password`
        : place.swarm
          ? 'invctl deploy swarm && invctl secrets rotate --swarm admin_password'
          : 'invctl up && invctl secrets rotate admin_password',
    });
  }
  const state: AdminState = { secret: secret.name, file: secret.file, service, ...journaled(place) };
  const subject = await open(context, state);
  const { hash } = await subject.admin.read();
  const input = { id: timeId(new Date()), state, subject, onStep, reverted: explainReverted };
  await perform(adminRotationOperation, context, input, (run) =>
    carryOut(context, subject, value, hash, run),
  );
}

async function carryOut(
  { signal }: ServiceContext,
  { staged, admin }: AdminRotation,
  value: Secret,
  hash: Secret,
  run: Run<AdminState, AdminStep>,
): Promise<void> {
  signal.throwIfAborted();
  await run.begin('prepare');
  await staged.stage(value, hash);
  signal.throwIfAborted();
  await run.begin('change');
  await admin.set(value);
  signal.throwIfAborted();
  await run.begin('prove');
  if (!(await admin.accepts(value))) {
    throw new UserError({
      code: 'ADMIN_LOGIN_FAILED',
      message: 'the API does not let the admin in with the new password',
      hint: 'invctl logs',
    });
  }
  signal.throwIfAborted();
  await run.begin('swap');
  await staged.swap();
  await run.begin('clean');
  await staged.discard();
}

/** @returns what to throw. */
function explainReverted(error: unknown, step: AdminStep): unknown {
  if (!(error instanceof UserError)) return error;
  const sessions = step === 'prepare' ? '' : ' (the sessions of the admin have ended)';
  return new UserError({
    code: 'ROTATION_REVERTED',
    message: `admin_password was not rotated, the old one is still valid${sessions}: ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    exitCode: error.exitCode,
    details: { reason: error.code, step },
    cause: error,
  });
}
