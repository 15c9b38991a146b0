import type { ProjectLocation } from '../../project/locate.js';
import type { ProcessRunner } from '../../system/process.js';
import type { LogEntry, LogOptions } from '../engine.js';
import { LABEL_SERVICE } from '../labels.js';
import * as argv from './argv.js';
import type { Docker } from './docker.js';
import { explainDockerError } from './errors.js';
import { parseLogLine } from './parse.js';

export async function* logEntries(
  { processes, docker }: { processes: ProcessRunner; docker: Docker },
  location: ProjectLocation,
  options: LogOptions,
): AsyncGenerator<LogEntry> {
  const serviceOf = new Map<string, string>();
  for (const container of await docker.containers(location.name)) {
    const name = container.Name.replace(/^\//, '');
    const service = container.Config.Labels?.[LABEL_SERVICE] ?? name;
    serviceOf.set(name, service);
    serviceOf.set(name.replace(`${location.name}-`, ''), service);
  }
  const lines = processes.lines('docker', argv.logs(location, options), {
    cwd: location.directory,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    for await (const line of lines) {
      const entry = parseLogLine(line);
      if (!entry) continue;
      // For a container that was made after the listing, Compose prints the name `<service>-<number>`.
      const service = serviceOf.get(entry.container) ?? entry.container.replace(/-\d+$/, '');
      yield { service, line: entry.text, ...(entry.time ? { time: entry.time } : {}) };
    }
  } catch (error) {
    throw explainDockerError(error);
  }
}
