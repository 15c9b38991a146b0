import { join } from 'node:path';
import type { ComposeService } from '../../project/model.js';
import { databaseServices } from './classify.js';
import { processEnvironment } from './environment.js';
import type { EngineRun } from './run.js';
import { secretPaths } from './secrets.js';

/** The environment of a service's process by the ports that the state has, and with its secrets in that folder. */
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
  // The image's programs know nothing of PORT.
  const port = record?.kind === 'node' ? record.port : undefined;
  return processEnvironment(service, {
    env,
    secretsFolder,
    secretPaths: secretPaths(secretsFolder, service),
    databasePorts,
    ...(port === undefined ? {} : { port }),
  });
}
