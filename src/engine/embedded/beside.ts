import { createReadStream, existsSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject } from '../../project/model.js';
import { makeStateFolder, stateRoot } from '../../system/state-root.js';
import type { BesideInput, BesideTrial } from '../trials.js';
import { classify } from './classify.js';
import type { EmbeddedContext, EmbeddedEngineDependencies } from './context.js';
import { createEmbeddedEngine } from './engine.js';
import { findPostgres } from './find-postgres.js';
import { findServerUser } from './server-user.js';

/**
 * See `Trials.prepareBeside`.
 * @param dependencies of the trial's engine
 */
export async function prepareBeside(
  context: EmbeddedContext,
  dependencies: EmbeddedEngineDependencies,
  live: ProjectLocation,
  { name, project, service, dataDirectory, folder, server: earlier }: BesideInput,
): Promise<BesideTrial> {
  const { processes, env } = dependencies;
  const user = await findServerUser(processes);
  const { state } = await context.open(live);
  const known = state.services[service.name]?.server;
  const database = classify(service);
  const declared = database.kind === 'postgres' ? database.major : undefined;
  const major = earlier?.major ?? declared;
  const server =
    known && !earlier
      ? { ...known, major: Number.parseInt(known.version, 10) }
      : await findPostgres(major === undefined ? {} : { major }, {
          processes,
          env,
          user,
          stateRoot: stateRoot(env),
        });
  if (!existsSync(dataDirectory)) {
    await makeStateFolder(dirname(dataDirectory), 'traversable');
    await mkdir(dataDirectory, { mode: 0o700 });
    if (user.ids.uid !== undefined) await chown(dataDirectory, user.ids.uid, user.ids.gid);
  }
  const alone = { ...project, services: { [service.name]: { ...service, dependsOn: {} } } };
  const trial = { project: withoutPublishedPorts(alone), server, dataFolder: folder };
  return {
    engine: createEmbeddedEngine({ ...dependencies, trial }),
    location: { ...live, name },
    async runOnData([program = '', ...words], input) {
      const { status, stdout, stderr } = await processes.run(program, words, {
        ...user.ids,
        cwd: '/',
        // The programs that combine a base come with the server.
        env: { PATH: `${server.programs}:${env.PATH ?? '/usr/bin:/bin'}` },
        input: 'file' in input ? createReadStream(input.file) : input,
        allowFailure: true,
        ownSession: true,
      });
      return { status: status ?? 1, output: stdout + stderr };
    },
  };
}

/** Removes the ports of this machine, which the live project uses; the trial gets free ones. */
export function withoutPublishedPorts(project: ComposeProject): ComposeProject {
  const services = Object.entries(project.services).map(([name, service]) => [
    name,
    { ...service, ports: service.ports.map(({ target, protocol }) => ({ target, protocol })) },
  ]);
  return { ...project, services: Object.fromEntries(services) };
}
