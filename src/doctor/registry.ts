import type { Check } from './check.js';
import { check as composeAbsent } from './checks/before-all/compose.absent.js';
import { check as composeParse } from './checks/before-all/compose.parse.js';
import { check as composeVersion } from './checks/before-all/compose.version.js';
import { check as engineDenied } from './checks/before-all/engine.denied.js';
import { check as engineTooOld } from './checks/before-all/engine.too-old.js';
import { check as engineUnreachable } from './checks/before-all/engine.unreachable.js';
import { check as upgradeConflict } from './checks/before-all/upgrade.conflict.js';
import { check as dbDatabaseMissing } from './checks/connection/db.database-missing.js';
import { check as dbDependsShort } from './checks/connection/db.depends-short.js';
import { check as dbInitFailed } from './checks/connection/db.init-failed.js';
import { check as dbLocalhost } from './checks/connection/db.localhost.js';
import { check as dbNetwork } from './checks/connection/db.network.js';
import { check as dbNoHealthcheck } from './checks/connection/db.no-healthcheck.js';
import { check as dbPasswordDrift } from './checks/connection/db.password-drift.js';
import { check as dbPort } from './checks/connection/db.port.js';
import { check as dbReadyRace } from './checks/connection/db.ready-race.js';
import { check as dbRoleMissing } from './checks/connection/db.role-missing.js';
import { check as dbUnhealthy } from './checks/connection/db.unhealthy.js';
import { check as envBareShadow } from './checks/environment/env.bare-shadow.js';
import { check as envDollar } from './checks/environment/env.dollar.js';
import { check as envDrift } from './checks/environment/env.drift.js';
import { check as envInvisible } from './checks/environment/env.invisible.js';
import { check as envMissing } from './checks/environment/env.missing.js';
import { check as envPlaceholder } from './checks/environment/env.placeholder.js';
import { check as envRequired } from './checks/environment/env.required.js';
import { check as envShellWins } from './checks/environment/env.shell-wins.js';
import { check as envStale } from './checks/environment/env.stale.js';
import { check as envSyntax } from './checks/environment/env.syntax.js';
import { check as envUnlisted } from './checks/environment/env.unlisted.js';
import { check as healthArchiving } from './checks/health/health.archiving.js';
import { check as healthChecksums } from './checks/health/health.checksums.js';
import { check as healthCollation } from './checks/health/health.collation.js';
import { check as healthConnections } from './checks/health/health.connections.js';
import { check as healthInvalidIndex } from './checks/health/health.invalid-index.js';
import { check as healthLockWait } from './checks/health/health.lock-wait.js';
import { check as healthPreparedTransaction } from './checks/health/health.prepared-transaction.js';
import { check as healthSequence } from './checks/health/health.sequence.js';
import { check as healthSlot } from './checks/health/health.slot.js';
import { check as healthTransaction } from './checks/health/health.transaction.js';
import { check as healthUnsafeSettings } from './checks/health/health.unsafe-settings.js';
import { check as healthVacuum } from './checks/health/health.vacuum.js';
import { check as healthWraparound } from './checks/health/health.wraparound.js';
import { check as clockSkew } from './checks/host/clock.skew.js';
import { check as diskFull } from './checks/host/disk.full.js';
import { check as externalMissing } from './checks/host/external.missing.js';
import { check as nameConflict } from './checks/host/name.conflict.js';
import { check as netPool } from './checks/host/net.pool.js';
import { check as orphans } from './checks/host/orphans.js';
import { check as portContainer } from './checks/ports/port.container.js';
import { check as portInUse } from './checks/ports/port.in-use.js';
import { check as portInternal } from './checks/ports/port.internal.js';
import { check as portMismatch } from './checks/ports/port.mismatch.js';
import { check as portOwn } from './checks/ports/port.own.js';
import { check as prodBackups } from './checks/production/prod.backups.js';
import { check as prodCi } from './checks/production/prod.ci.js';
import { check as prodDevConfig } from './checks/production/prod.dev-config.js';
import { check as prodEnvFiles } from './checks/production/prod.env-files.js';
import { check as prodHealthchecks } from './checks/production/prod.healthchecks.js';
import { check as prodLimits } from './checks/production/prod.limits.js';
import { check as prodLogs } from './checks/production/prod.logs.js';
import { check as prodMonitoring } from './checks/production/prod.monitoring.js';
import { check as prodOrchestration } from './checks/production/prod.orchestration.js';
import { check as prodRestart } from './checks/production/prod.restart.js';
import { check as prodScanning } from './checks/production/prod.scanning.js';
import { check as prodSecretsManager } from './checks/production/prod.secrets-manager.js';
import { check as appCrlf } from './checks/runtime/app.crlf.js';
import { check as appExited } from './checks/runtime/app.exited.js';
import { check as appOom } from './checks/runtime/app.oom.js';
import { check as appRestarting } from './checks/runtime/app.restarting.js';
import { check as hcCommand } from './checks/runtime/hc.command.js';
import { check as dbBothSet } from './checks/secrets/db.both-set.js';
import { check as dbUninitialised } from './checks/secrets/db.uninitialised.js';
import { check as secretAppPath } from './checks/secrets/secret.app-path.js';
import { check as secretBytes } from './checks/secrets/secret.bytes.js';
import { check as secretDirectory } from './checks/secrets/secret.directory.js';
import { check as secretEmpty } from './checks/secrets/secret.empty.js';
import { check as secretMissing } from './checks/secrets/secret.missing.js';
import { check as secretProvider } from './checks/secrets/secret.provider.js';
import { check as secretUnlisted } from './checks/secrets/secret.unlisted.js';
import { check as secretUnreadable } from './checks/secrets/secret.unreadable.js';
import { check as secretWeak } from './checks/secrets/secret.weak.js';
import { check as dbPublished } from './checks/security/db.published.js';
import { check as secCaps } from './checks/security/sec.caps.js';
import { check as secDockerignore } from './checks/security/sec.dockerignore.js';
import { check as secExposure } from './checks/security/sec.exposure.js';
import { check as secGitignore } from './checks/security/sec.gitignore.js';
import { check as secImage } from './checks/security/sec.image.js';
import { check as secImageSecret } from './checks/security/sec.image-secret.js';
import { check as secLiteral } from './checks/security/sec.literal.js';
import { check as secTracked } from './checks/security/sec.tracked.js';
import { check as secUser } from './checks/security/sec.user.js';
import { check as dbMajor } from './checks/volumes/db.major.js';
import { check as dbPg18Path } from './checks/volumes/db.pg18-path.js';
import { check as volForeign } from './checks/volumes/vol.foreign.js';
import { check as volPath } from './checks/volumes/vol.path.js';
import { check as volPermission } from './checks/volumes/vol.permission.js';
import { check as volSelinux } from './checks/volumes/vol.selinux.js';

/**
 * Every check, in the order in which findings of the same weight are reported: causes before consequences.
 */
export const CHECKS: readonly Check[] = [
  upgradeConflict,
  engineUnreachable,
  engineDenied,
  engineTooOld,
  composeAbsent,
  composeParse,
  composeVersion,
  dbUnhealthy,
  dbInitFailed,
  dbLocalhost,
  dbPort,
  dbNetwork,
  dbRoleMissing,
  dbDatabaseMissing,
  dbPasswordDrift,
  dbReadyRace,
  dbNoHealthcheck,
  dbDependsShort,
  secretProvider,
  secretMissing,
  secretDirectory,
  secretEmpty,
  secretWeak,
  secretBytes,
  secretUnlisted,
  secretAppPath,
  secretUnreadable,
  dbUninitialised,
  dbBothSet,
  envMissing,
  envUnlisted,
  envInvisible,
  envStale,
  envSyntax,
  envDollar,
  envRequired,
  envBareShadow,
  envShellWins,
  envDrift,
  envPlaceholder,
  portInUse,
  portContainer,
  portOwn,
  portMismatch,
  portInternal,
  volPath,
  volPermission,
  volForeign,
  volSelinux,
  dbMajor,
  dbPg18Path,
  hcCommand,
  appCrlf,
  appExited,
  appOom,
  appRestarting,
  healthWraparound,
  healthChecksums,
  healthConnections,
  healthSlot,
  healthArchiving,
  healthSequence,
  healthLockWait,
  healthTransaction,
  healthPreparedTransaction,
  healthVacuum,
  healthInvalidIndex,
  healthCollation,
  healthUnsafeSettings,
  diskFull,
  netPool,
  externalMissing,
  nameConflict,
  orphans,
  clockSkew,
  dbPublished,
  secGitignore,
  secTracked,
  secDockerignore,
  secImageSecret,
  secUser,
  secImage,
  secLiteral,
  secExposure,
  secCaps,
  prodDevConfig,
  prodEnvFiles,
  prodLimits,
  prodRestart,
  prodLogs,
  prodHealthchecks,
  prodMonitoring,
  prodSecretsManager,
  prodBackups,
  prodOrchestration,
  prodCi,
  prodScanning,
];
