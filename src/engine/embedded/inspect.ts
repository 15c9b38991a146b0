import type { ProjectLocation } from '../../project/locate.js';
import { findListener } from '../../system/ports.js';
import { findProcesses } from '../../system/process-table.js';
import { isSecretName, redact } from '../../system/secret.js';
import type { PortOwner, ServiceDetails } from '../engine.js';
import { classify, type ReceiverService, serverArguments } from './classify.js';
import { type EmbeddedContext, notRunningError } from './context.js';
import { dataFolderOf } from './database.js';
import { isRunning, markOf } from './launch.js';
import { startCommand } from './node-service.js';
import { receiverCommand } from './receiver.js';
import { serviceEnvironment } from './service-environment.js';
import { serviceStatus } from './status.js';

/** Returns the service of this project that listens on a port of this machine. */
export async function portOwner(
  context: EmbeddedContext,
  location: ProjectLocation,
  port: number,
): Promise<PortOwner | undefined> {
  const { state, folders } = await context.open(location);
  const listener = await findListener(port);
  for (const [service, record] of Object.entries(state.services)) {
    const own = record.port === port && isRunning(record);
    // A process that an invctl started and did not record because it was killed at that moment.
    const stray =
      listener &&
      findProcesses({ environment: markOf(folders, service) }).some(({ pid }) => pid === listener.pid);
    if (!own && !stray) continue;
    return {
      instance: `pid ${listener?.pid ?? record.launch?.process.pid}`,
      project: location.name,
      service,
    };
  }
  return undefined;
}

/** @throws UserError SERVICE_NOT_RUNNING */
export async function inspect(
  context: EmbeddedContext,
  location: ProjectLocation,
  name: string,
): Promise<ServiceDetails[]> {
  const service = await context.service(location, name);
  const store = await context.open(location);
  const record = store.state.services[name];
  if (!record?.launch) throw notRunningError(name);
  const embedded = classify(service);
  const environment = serviceEnvironment(
    { project: await context.resolve(location), store, env: context.env },
    service,
  );
  const started = embedded.kind === 'node' ? await startCommand(embedded) : undefined;
  const dataFolder = dataFolderOf(store, name);
  return [
    {
      ...(await serviceStatus(name, record)),
      ...(record.server
        ? { image: `PostgreSQL ${record.server.version}` }
        : embedded.kind === 'node'
          ? { image: embedded.folder }
          : {}),
      command: started
        ? [started.program, ...started.args]
        : embedded.kind === 'postgres'
          ? ['postgres', ...serverArguments(embedded)]
          : receiverCommand((embedded as ReceiverService).place),
      mounts: dataFolder
        ? [{ type: 'volume', source: dataFolder, target: '/var/lib/postgresql/data', readOnly: false }]
        : [],
      networks: [],
      environment: Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [
          key,
          isSecretName(key) ? '[redacted]' : redact(value),
        ]),
      ),
    },
  ];
}
