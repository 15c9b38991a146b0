import { type NewestBackup, newestBackup } from '../backup/newest.js';
import { protectionPlace } from '../backup/protection/place.js';
import { type KnownProtection, knownProtection } from '../backup/protection/receiver-state.js';
import type { EngineKind } from '../engine/engine.js';
import type { ServiceStatus } from '../engine/service-status.js';
import { UserError } from '../errors.js';
import { type Database, findDatabase } from '../postgres/database.js';
import { withSession } from '../postgres/open-session.js';
import { onlyRow } from '../postgres/session.js';
import { type AppStatus, appStatus } from './app-status.js';
import type { ServiceContext } from './context.js';
import { type MigrationState, migrationState } from './database/migrations.js';
import { passwordPlace } from './database/url.js';
import { type DeployedServices, deployedServices } from './deployed-services.js';
import { type FiringAlert, firingAlerts } from './firing-alerts.js';

/** How long the database has to answer before `status` calls it unreachable, in milliseconds. */
const PATIENCE_MS = 10_000;

export type DatabaseStatus =
  | {
      reachable: true;
      name: string;
      version: string;
      bytes: number;
      user: string;
      /** Where the password is stored. */
      password: string;
      migrations?: MigrationState;
    }
  | { reachable: false; reason: string };

export interface ProjectStatus {
  project: string;
  engine: EngineKind;
  services: ServiceStatus[];
  /** Where an orchestrator runs the services. */
  deployed?: DeployedServices;
  /** Absent: it is not clear which service is the app. */
  app?: AppStatus;
  database: DatabaseStatus;
  /** The newest verified one. */
  backup?: NewestBackup;
  /** Absent: the protection is off. */
  protection?: KnownProtection;
  /** What fires. Absent: the project has no Alertmanager that answers. */
  alerts?: FiringAlert[];
}

/**
 * The services, the database and the newest backup. A database that does not answer is a result, not an
 * error.
 */
export async function projectStatus(context: ServiceContext): Promise<ProjectStatus> {
  const local = await context.engine();
  const here = await local.status(context.project());
  const deployed = here.length > 0 ? undefined : await deployedServices(context);
  const there = deployed && deployed.orchestrator !== 'unread' ? await worksThere(context) : context;
  const [location, engine] = [there.project(), await there.engine()];
  const services = deployed?.services ?? here;
  const [alerts, database] = await Promise.all([
    firingAlerts(services, context.signal),
    findDatabase(engine, location).catch((error) => {
      if (error instanceof UserError && ['NO_DATABASE', 'DATABASE_UNDECIDED'].includes(error.code)) {
        return error;
      }
      throw error;
    }),
  ]);
  const common = {
    project: location.name,
    engine: local.kind,
    services,
    ...(deployed ? { deployed } : {}),
    ...(alerts ? { alerts } : {}),
  };
  if (database instanceof UserError) {
    return { ...common, database: { reachable: false, reason: database.message } };
  }
  const { project, settings } = database;
  const [backup, app, status, protection] = await Promise.all([
    newestBackup(location.directory, settings),
    appStatus(project, settings.services, services, context.signal),
    databaseStatus(context, database, { services, deployed }),
    // What is received is received beside the database of this engine.
    deployed ? undefined : knownProtection(protectionPlace(location, settings), project, settings),
  ]);
  return {
    ...common,
    ...(app ? { app } : {}),
    database: status,
    ...(backup ? { backup } : {}),
    ...(protection ? { protection } : {}),
  };
}

async function worksThere(context: ServiceContext): Promise<ServiceContext> {
  const { inDeployed } = await import('./deploy/deployed-project.js');
  return inDeployed(context);
}

async function databaseStatus(
  context: ServiceContext,
  database: Database,
  { services, deployed }: { services: readonly ServiceStatus[]; deployed: DeployedServices | undefined },
): Promise<DatabaseStatus> {
  const state = services.find(({ name }) => name === database.service.name)?.state ?? 'absent';
  if (state !== 'running') {
    return {
      reachable: false,
      reason:
        state !== 'absent'
          ? `${database.service.name} is ${state}`
          : deployed
            ? `${database.service.name} was not seen in ${deployed.place}`
            : `${database.service.name} is not up`,
    };
  }
  try {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PATIENCE_MS)]);
    return await withSession(database, { applicationName: 'invctl status', signal }, async (session) => {
      const { version, bytes } = await onlyRow<{ version: string; bytes: number }>(
        session,
        `SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes`,
      );
      const migrations = await migrationState(database, session);
      return {
        reachable: true,
        name: database.name,
        version: version.split(' ')[0] as string,
        bytes,
        user: database.user,
        password: passwordPlace(database),
        ...(migrations ? { migrations } : {}),
      };
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof UserError) return { reachable: false, reason: error.message };
    if (error instanceof Error && error.name === 'TimeoutError') {
      return { reachable: false, reason: `no answer within ${PATIENCE_MS / 1000} s` };
    }
    throw error;
  }
}
