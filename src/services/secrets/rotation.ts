import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Session } from '../../engine/database-access.js';
import { ExitCode, UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import { acceptsPassword } from '../../postgres/database.js';
import { readVerifier, writeVerifier } from '../../postgres/role-password.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { withValue } from '../../project/edit-env-file.js';
import { serverPassword } from '../../project/secret-file.js';
import { scramVerifier } from '../../system/scram.js';
import { Secret } from '../../system/secret.js';
import type { ServiceContext } from '../context.js';
import { clusterSchema } from '../deploy/cluster-project.js';
import type { Run } from '../operation.js';
import type { FoundSecret } from './find-secret.js';
import { StagedFile } from './staged-file.js';

const HEALTH_TIMEOUT_MS = 120_000;

export const rotationStateSchema = z.object({
  secret: z.string(),
  kind: z.enum(['password', 'file', 'variable']),
  file: z.string(),
  /** Services that ran with the old value. */
  services: z.array(z.string()),
  /** True: the services are those of the project's stack in the Swarm. */
  swarm: z.boolean().default(false),
  /** The namespace that the project is deployed to, if the services are there. */
  cluster: clusterSchema.optional(),
  /** True: the rotation is being reverted. */
  reverting: z.boolean().default(false),
});

export type RotationState = z.infer<typeof rotationStateSchema>;

/** In execution order. */
export const ROTATION_STEPS = ['prepare', 'alter', 'swap', 'recreate', 'prove', 'clean'] as const;

export type RotationStep = (typeof ROTATION_STEPS)[number];

/** A rotation that is under way, or was cut off. */
export interface Rotation {
  context: ServiceContext;
  state: RotationState;
  staged: StagedFile;
  /** Only for a database's password. */
  database: Database | undefined;
}

export function openRotation(
  context: ServiceContext,
  state: RotationState,
  database: Database | undefined,
): Rotation {
  return { context, state, staged: new StagedFile(state.file), database };
}

/**
 * Runs a rotation from its first step to its last. After an error the caller, or `recover`, has to revert it.
 * @param value the new one.
 * @param session of the database's superuser, with the advisory lock.
 */
export async function carryOut(
  rotation: Rotation,
  secret: FoundSecret,
  value: Secret,
  session: Session | undefined,
  run: Run<RotationState, RotationStep>,
): Promise<void> {
  const { context, staged, database } = rotation;
  const { signal } = context;
  const content = await newContent(secret, value);
  signal.throwIfAborted();
  await run.begin('prepare');
  await staged.stage(content, session && database && (await readVerifier(session, database.user)));
  if (session && database) {
    signal.throwIfAborted();
    await run.begin('alter');
    await writeVerifier(session, database.user, scramVerifier(value));
    if (!(await acceptsPassword(database, value, signal))) {
      throw new UserError({
        code: 'PASSWORD_REFUSED',
        message: `the database does not accept the new password of ${database.user}`,
        hint: `invctl logs ${database.service.name}`,
      });
    }
  }
  signal.throwIfAborted();
  await run.begin('swap');
  await staged.swap();
  await carryOn(rotation, run);
}

/**
 * The steps after the file has the new content. Finishing is faster than reverting now, so an interruption is
 * ignored.
 */
export async function carryOn(rotation: Rotation, run: Run<RotationState, RotationStep>): Promise<void> {
  await run.begin('recreate');
  await recreateServices(rotation);
  if (rotation.database) {
    await run.begin('prove');
    await proveRefused(rotation, rotation.database);
  }
  await run.begin('clean');
  await rotation.staged.discard();
}

/**
 * Puts everything back as it was: the role's password, the file, and the services that may have read the new
 * one. It can be cut off and called again at any point.
 */
export async function revertRotation(
  rotation: Rotation,
  run: Run<RotationState, RotationStep>,
): Promise<void> {
  const { staged, database } = rotation;
  run.state.reverting = true;
  await run.note();
  const verifier = await staged.verifier();
  if (database && verifier !== undefined) {
    await withMaintenance(database, { applicationName: 'invctl secrets rotate' }, (session) =>
      writeVerifier(session, database.user, verifier),
    );
  }
  await staged.swapBack();
  // After a restart of the machine, services may have started with either content of the file.
  const seenFrom = ROTATION_STEPS.indexOf(run.cutOff ? 'swap' : 'recreate');
  if (ROTATION_STEPS.indexOf(run.step) >= seenFrom) await recreateServices(rotation);
  await staged.discard();
}

async function newContent({ name, kind, file }: FoundSecret, value: Secret): Promise<Secret> {
  if (kind !== 'variable') return value;
  const changed = withValue(await readFile(file, 'utf8'), name, value.reveal());
  if (changed !== undefined) return new Secret(changed);
  throw new UserError({
    code: 'ENV_FILE_NOT_EDITABLE',
    message: `the value of ${name} in ${file} is not on a line of its own`,
    hint: `write ${name}=value on one line of ${file}`,
    exitCode: ExitCode.projectInvalid,
    file,
  });
}

/** @throws UserError NOT_HEALTHY (exit 6) */
async function recreateServices({ context, state }: Rotation): Promise<void> {
  if (state.services.length === 0) return;
  const engine = await context.engine();
  const { failed } = await engine.up(
    context.project(),
    { services: state.services, recreate: true, wait: true, timeoutMs: HEALTH_TIMEOUT_MS },
    () => {},
  );
  const [failure] = failed;
  if (!failure) return;
  throw new UserError({
    code: 'NOT_HEALTHY',
    message: `${failure.service} did not become healthy with it (${failure.reason})`,
    hint: `invctl logs ${failure.service}`,
    exitCode: ExitCode.unhealthy,
    details: { services: failed.map(({ service }) => service) },
  });
}

async function proveRefused({ staged }: Rotation, database: Database): Promise<void> {
  const old = await staged.previous();
  if (old === undefined) return;
  if (!(await acceptsPassword(database, new Secret(serverPassword(old.reveal()))))) return;
  throw new UserError({
    code: 'OLD_PASSWORD_ACCEPTED',
    message: `the database still accepts the old password of ${database.user}`,
    hint: `invctl logs ${database.service.name}`,
  });
}
