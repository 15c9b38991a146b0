import { ExitCode, UserError } from '../../../errors.js';
import type { Database } from '../../../postgres/database.js';
import { withSession } from '../../../postgres/open-session.js';
import { onlyRow } from '../../../postgres/session.js';
import type { ServiceContext } from '../../context.js';
import { waitUntilListening } from './new-server.js';
import { keepVolume } from './previous-volumes.js';
import type { UpgradeRun } from './state.js';

const START_TIMEOUT_MS = 300_000;

/**
 * Runs with the new compose file in place: starts the services that ran before, and records the old volume.
 * @throws UserError NOT_HEALTHY (exit 6)
 */
export async function finishUpgrade(context: ServiceContext, live: Database, run: UpgradeRun): Promise<void> {
  await run.begin('up');
  const { state } = run;
  const { engine, location, service } = live;
  const { failed } = await engine.up(
    location,
    { services: state.services, wait: true, timeoutMs: START_TIMEOUT_MS, signal: context.signal },
    () => {},
  );
  if (failed.length > 0) {
    throw new UserError({
      code: 'NOT_HEALTHY',
      message: `${failed.map((one) => one.service).join(', ')} did not become healthy on PostgreSQL ${state.to}`,
      hint: 'invctl doctor',
      exitCode: ExitCode.unhealthy,
      details: { services: failed.map((one) => one.service) },
    });
  }
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
  await keepVolume(location, {
    name: state.volume.before,
    major: state.from,
    since: new Date().toISOString(),
    ...(state.left ? { left: state.left } : {}),
  });
}
