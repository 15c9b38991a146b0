import { ExitCode, UserError } from '../../../errors.js';
import type { Database } from '../../../postgres/database.js';
import { withSession } from '../../../postgres/open-session.js';
import { onlyRow } from '../../../postgres/session.js';
import type { ServiceContext } from '../../context.js';
import { waitUntilListening } from './new-server.js';
import { keepVolume } from './previous-volumes.js';
import { protectNewServer } from './protection.js';
import type { UpgradeRun, UpgradeState } from './state.js';

const START_TIMEOUT_MS = 300_000;

/**
 * Runs with the new compose file in place: starts the database and protects it as the old one was, then starts
 * the services that ran before, and records the old volume.
 * @throws UserError NOT_HEALTHY (exit 6), and of {@link protectNewServer}
 */
export async function finishUpgrade(context: ServiceContext, live: Database, run: UpgradeRun): Promise<void> {
  await run.begin('up');
  const { state } = run;
  const { location, service } = live;
  await startServices(context, live, state, [service.name]);
  await waitUntilListening(live, context.signal);
  const { major } = await withSession(
    live,
    { applicationName: 'invctl db upgrade', signal: context.signal },
    (session) =>
      onlyRow<{ major: number }>(
        session,
        `SELECT current_setting('server_version_num')::int / 10000 AS major`,
      ),
  );
  if (major !== state.to) {
    throw new UserError({
      code: 'UPGRADE_FAILED',
      message: `"${service.name}" runs PostgreSQL ${major} and not ${state.to}`,
      hint: 'docker compose config',
    });
  }
  await protectNewServer(context, live, run);
  if (state.opened === undefined) {
    state.opened = new Date().toISOString();
    await run.note();
  }
  await startServices(context, live, state, [
    ...state.services,
    ...(state.protection ? [state.protection.service] : []),
  ]);
  await keepVolume(location, {
    name: state.volume.before,
    major: state.from,
    since: new Date().toISOString(),
    ...(state.left ? { left: state.left } : {}),
  });
}

async function startServices(
  { signal }: ServiceContext,
  { engine, location }: Database,
  { to }: UpgradeState,
  services: readonly string[],
): Promise<void> {
  const { failed } = await engine.up(
    location,
    { services, wait: true, timeoutMs: START_TIMEOUT_MS, signal },
    () => {},
  );
  if (failed.length === 0) return;
  throw new UserError({
    code: 'NOT_HEALTHY',
    message: `${failed.map((one) => one.service).join(', ')} did not become healthy on PostgreSQL ${to}`,
    hint: 'invctl doctor',
    exitCode: ExitCode.unhealthy,
    details: { services: failed.map((one) => one.service) },
  });
}
