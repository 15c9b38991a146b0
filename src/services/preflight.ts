import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import type { Check } from '../doctor/check.js';
import { check as externalMissing } from '../doctor/checks/host/external.missing.js';
import { check as nameConflict } from '../doctor/checks/host/name.conflict.js';
import { check as portContainer } from '../doctor/checks/ports/port.container.js';
import { check as portInUse } from '../doctor/checks/ports/port.in-use.js';
import { check as secretDirectory } from '../doctor/checks/secrets/secret.directory.js';
import { check as secretEmpty } from '../doctor/checks/secrets/secret.empty.js';
import { check as secretMissing } from '../doctor/checks/secrets/secret.missing.js';
import { check as volPath } from '../doctor/checks/volumes/vol.path.js';
import { runChecks } from '../doctor/run.js';
import type { Engine } from '../engine/engine.js';
import { ExitCode, UserError } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import { type ComposeProject, type ComposeService, withDependencies } from '../project/model.js';
import { isPortFree } from '../system/ports.js';
import type { ServiceContext } from './context.js';
import { engineFacts } from './engine-facts.js';

/**
 * The doctor's checks that stop an `up`, except those of the engine, the compose file and its env files,
 * which the engine has reported when it resolved the project.
 */
export const PREFLIGHT_CHECKS: readonly Check[] = [
  secretMissing,
  secretDirectory,
  secretEmpty,
  volPath,
  externalMissing,
  nameConflict,
  portInUse,
  portContainer,
];

/** Chapters about the project itself; the others are about the machine and its engine. */
const IN_THE_PROJECT = ['secrets', 'volumes'];

/**
 * Finds what would stop `up` half-way before anything is started: build folders, secrets, mounts, external
 * resources, names of containers, ports.
 *
 * @throws UserError for the first problem, each kind with its own code.
 */
export async function preflight(
  context: ServiceContext,
  engine: Engine,
  location: ProjectLocation,
  project: ComposeProject,
  services: readonly string[],
): Promise<void> {
  const wanted = withDependencies(project, services);
  for (const service of Object.values(project.services)) {
    if (wanted.has(service.name)) checkBuild(location, service);
  }
  const facts = await engineFacts(context, engine, wanted);
  // When the port is free on this machine, the engine is not asked who holds it, because every `up` runs
  // this.
  const checks =
    !location.host && (await portsAreFree(project, wanted))
      ? PREFLIGHT_CHECKS.filter(({ chapter }) => chapter !== 'ports')
      : PREFLIGHT_CHECKS;
  for (const { check, outcome, findings } of await runChecks(checks, facts)) {
    const [finding] = findings;
    if (outcome !== 'fail' || !finding || !check.blocksUp) continue;
    throw new UserError({
      code: check.blocksUp,
      message: finding.message,
      hint: finding.next ?? `invctl doctor --only ${check.id}`,
      docs: `docs/guide/${check.chapter}.md`,
      exitCode: IN_THE_PROJECT.includes(check.chapter) ? ExitCode.projectInvalid : ExitCode.failure,
      ...(finding.file === undefined ? {} : { file: finding.file }),
      ...(finding.line === undefined ? {} : { line: finding.line }),
      details: { check: check.id, ...finding.details },
    });
  }
}

async function portsAreFree(project: ComposeProject, wanted: ReadonlySet<string>): Promise<boolean> {
  for (const { name, ports } of Object.values(project.services)) {
    for (const { published, hostIp, protocol } of wanted.has(name) ? ports : []) {
      if (published === undefined || protocol !== 'tcp') continue;
      if (!(await isPortFree(hostIp ?? '0.0.0.0', published))) return false;
    }
  }
  return true;
}

function checkBuild(location: ProjectLocation, service: ComposeService): void {
  if (!service.build || /^[a-z+]+:\/\/|^git@/i.test(service.build.context)) return;
  const { context } = service.build;
  if (!existsSync(context)) {
    throw new UserError({
      code: 'BUILD_CONTEXT_MISSING',
      message: `the service "${service.name}" is built from ${shown(location, context)}, which is not there`,
      hint: 'invctl init      (writes what is missing and changes nothing else)',
      exitCode: ExitCode.projectInvalid,
    });
  }
}

function shown(location: ProjectLocation, path: string): string {
  const inside = relative(location.directory, path);
  return inside.startsWith('..') ? path : inside || '.';
}
