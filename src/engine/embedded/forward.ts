import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { Forward } from '../engine.js';
import { type EmbeddedContext, notRunningError } from './context.js';
import { isRunning } from './launch.js';

const LOOPBACK = '127.0.0.1';

/** Every service already listens on this machine's loopback, at a fixed port. */
export async function forward(
  context: EmbeddedContext,
  location: ProjectLocation,
  service: string,
  { port }: { port?: number },
): Promise<Forward> {
  const record = (await context.open(location)).state.services[service];
  if (record?.port === undefined || !isRunning(record)) throw notRunningError(service);
  if (port !== undefined && port !== record.port) {
    throw new UserError({
      code: 'EMBEDDED_OPTION',
      message: `"${service}" listens on port ${record.port} of this machine, and no other leads to it`,
      hint: 'leave --port away',
      exitCode: ExitCode.usage,
    });
  }
  return { host: LOOPBACK, port: record.port, temporary: false, close: () => Promise.resolve() };
}
