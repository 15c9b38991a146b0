#!/usr/bin/env node
// The fault tests of the database at full size. Each count can be set: FAULT_CUTS, FAULT_FLIPS, FAULT_COPY_LINES,
// FAULT_KILLS (numbers), REPLAY_SECONDS and REPLAY_MOMENTS (of the ledger's replay), ENV_RUN_PROJECTS (random projects
// that are run), FAULT_STEPS=all (a kill before and after every step of the journal, a row of 900 MB). Needs Docker and
// a built dist/.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const env = {
  FAULT_CUTS: '99',
  FAULT_FLIPS: '1000',
  FAULT_COPY_LINES: '500',
  FAULT_KILLS: '100',
  REPLAY_SECONDS: '3600',
  REPLAY_MOMENTS: '60',
  FAULT_STEPS: 'all',
  ENV_RUN_PROJECTS: '100',
  REQUIRE_DOCKER: '1',
  ...process.env,
};
const files = [
  'test/integration/backup/archive-file.test.ts',
  'test/integration/doctor/command.test.ts',
  'test/integration/export/deploy-k8s.test.ts',
  'test/integration/services/architecture/hostile-projects.test.ts',
  'test/integration/template/init-ci.test.ts',
  'test/e2e/docker/database/backup.test.ts',
  'test/e2e/docker/database/faults.test.ts',
  'test/e2e/docker/database/field-cases.test.ts',
  'test/e2e/docker/database/foreign-dumps.test.ts',
  'test/e2e/docker/database/huge-rows.test.ts',
  'test/e2e/docker/database/inspect.test.ts',
  'test/e2e/docker/database/live-gone.test.ts',
  'test/e2e/docker/database/recover.test.ts',
  'test/e2e/docker/database/restore.test.ts',
  'test/e2e/docker/database/server-killed.test.ts',
  'test/e2e/docker/database/upgrade.test.ts',
  'test/e2e/docker/database/upgrade-faults.test.ts',
  'test/e2e/docker/protection/away.test.ts',
  'test/e2e/docker/protection/copies.test.ts',
  'test/e2e/docker/protection/faults.test.ts',
  'test/e2e/docker/protection/incremental.test.ts',
  'test/e2e/docker/protection/protection.test.ts',
  'test/e2e/docker/protection/recover.test.ts',
  'test/e2e/docker/protection/renamed.test.ts',
  'test/e2e/docker/protection/replay.test.ts',
  'test/e2e/docker/protection/upgrade-majors.test.ts',
  'test/e2e/docker/template/domain-and-monitoring.test.ts',
  'test/e2e/docker/template/stack.test.ts',
  'test/e2e/docker/day.test.ts',
  'test/e2e/docker/doctor/faults.test.ts',
  'test/e2e/docker/project/random-projects.test.ts',
  'test/e2e/docker/deploy/swarm-nodes.test.ts',
  'test/e2e/docker/deploy/swarm.test.ts',
  'test/e2e/docker/remote.test.ts',
  'test/e2e/docker/no-secret-in-output.test.ts',
  'test/e2e/docker/secrets/check.test.ts',
  'test/e2e/docker/secrets/failures.test.ts',
  'test/e2e/docker/secrets/rotate.test.ts',
  'test/e2e/embedded/database/backup-restore.test.ts',
  'test/e2e/embedded/database/upgrade-faults.test.ts',
  'test/e2e/embedded/recovery.test.ts',
  'test/e2e/embedded/secrets/rotate.test.ts',
  'test/e2e/embedded/secrets/rotate-admin.test.ts',
  'test/integration/template/upgrade-command.test.ts',
];
const { status } = spawnSync('npx', ['vitest', 'run', '--reporter=verbose', ...files], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
