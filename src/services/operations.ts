import { backupOperation } from './database/backup-operation.js';
import { physicalRestoreOperation } from './database/physical-restore.js';
import { resetOperation } from './database/reset-operation.js';
import { restoreOperation } from './database/restore-operation.js';
import { upgradeOperation } from './database/upgrade/operation.js';
import { k8sDeployOperation } from './deploy/k8s-operation.js';
import { swarmDeployOperation } from './deploy/swarm-operation.js';
import type { Operation } from './operation.js';
import { baseOperation } from './protection/base.js';
import { restoreTableOperation } from './protection/restore-table.js';
import { restoreToOperation } from './protection/restore-to.js';
import { protectOffOperation, protectOnOperation } from './protection/switch.js';
import { adminRotationOperation } from './secrets/rotate-admin.js';
import { rotationOperation } from './secrets/rotation-operation.js';
import { abortOperation, templateUpgradeOperation } from './upgrade/operations.js';

/** Every operation of several steps. A test kills each of them at each of its steps. */
export const OPERATIONS: readonly Operation<unknown, string, unknown>[] = [
  backupOperation,
  restoreOperation,
  resetOperation,
  physicalRestoreOperation,
  upgradeOperation,
  rotationOperation,
  templateUpgradeOperation,
  abortOperation,
  adminRotationOperation,
  protectOnOperation,
  protectOffOperation,
  baseOperation,
  restoreToOperation,
  restoreTableOperation,
  swarmDeployOperation,
  k8sDeployOperation,
];
