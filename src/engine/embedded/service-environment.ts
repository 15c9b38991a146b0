import { join } from 'node:path';
import type { ComposeService } from '../../project/model.js';
import { startEnvironment } from '../../system/process-table.js';
import { Secret } from '../../system/secret.js';
import type { LiveEnvironment } from '../engine.js';
import { databaseServices } from './classify.js';
import { machineEnvironment, processEnvironment } from './environment.js';
import { isRunning, serviceMark } from './launch.js';
import type { EngineRun } from './run.js';
import { secretPaths } from './secrets.js';

/**
 * Returns the environment of a service's process with the ports of the state and the secrets in that folder.
 */
export function serviceEnvironment(
  { project, store, env }: Pick<EngineRun, 'project' | 'store' | 'env'>,
  service: ComposeService,
  secretsFolder = join(store.folders.secrets, service.name),
): Record<string, string> {
  const databasePorts = new Map(
    databaseServices(project).flatMap(({ service: { name } }) => {
      const port = store.state.services[name]?.port;
      return port === undefined ? [] : [[name, port] as const];
    }),
  );
  const record = store.state.services[service.name];
  // The image's programs do not use PORT.
  const port = record?.kind === 'node' ? record.port : undefined;
  return processEnvironment(service, {
    env,
    secretsFolder,
    secretPaths: secretPaths(secretsFolder, service),
    databasePorts,
    ...(port === undefined ? {} : { port }),
  });
}

/**
 * Returns the environment of these services' processes, beside the one that they would be started with now.
 * The machine's own variables count only if the compose file sets them. A server gets none of its service's
 * variables: they are read once, when its data folder is made.
 */
export function liveEnvironments(
  run: Pick<EngineRun, 'project' | 'store' | 'env'>,
  services: readonly string[],
): Map<string, LiveEnvironment[]> {
  return new Map(
    services.map((name) => {
      const service = run.project.services[name];
      const record = run.store.state.services[name];
      if (!service || !record?.launch || !isRunning(record)) return [name, []];
      const { pid } = record.launch.process;
      const own = [
        ...Object.keys(machineEnvironment(run.env)),
        ...Object.keys(serviceMark(run.store.folders, name)),
      ];
      const concealed = (variables: Record<string, string>) =>
        new Map(
          Object.entries(variables)
            .filter(([variable]) => !own.includes(variable) || variable in service.environment)
            .map(([variable, value]) => [variable, new Secret(value)] as const),
        );
      const actual = record.kind === 'node' ? startEnvironment(pid) : undefined;
      return [
        name,
        [
          {
            instance: `pid ${pid}`,
            ...(actual ? { actual: concealed(actual) } : {}),
            expected: concealed(serviceEnvironment(run, service)),
          },
        ],
      ];
    }),
  );
}
