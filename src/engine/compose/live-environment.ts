import type { ComposeProject } from '../../project/model.js';
import { Secret } from '../../system/secret.js';
import type { LiveEnvironment } from '../engine.js';
import { LABEL_SERVICE } from './argv.js';
import { imageEnvironment } from './build.js';
import type { Docker } from './docker.js';
import { type ContainerInspect, parseEnvironment } from './parse.js';

/** What the client adds from `proxies` of its own configuration. */
const PROXY_NAME = /^(https?|ftp|all|no)_proxy$/i;

/** What the running containers have beside what Compose would give new ones of the images that are here. */
export async function liveEnvironments(
  docker: Docker,
  project: ComposeProject,
  containers: readonly ContainerInspect[],
  services: readonly string[],
): Promise<Map<string, LiveEnvironment[]>> {
  const environments = services.map(async (name) => {
    const service = project.services[name];
    const running = containers.filter(
      ({ Config, State }) => Config.Labels?.[LABEL_SERVICE] === name && State.Status === 'running',
    );
    if (!service || running.length === 0) return [name, [] as LiveEnvironment[]] as const;
    const expected = new Map(Object.entries(await imageEnvironment(docker, project, service)));
    for (const [variable, value] of Object.entries(service.environment)) {
      if (value === null) expected.delete(variable);
      else expected.set(variable, value);
    }
    const live = running.map(({ Name, Config }): LiveEnvironment => {
      const actual = [...parseEnvironment(Config.Env)].filter(
        ([variable]) => expected.has(variable) || !PROXY_NAME.test(variable),
      );
      return { instance: Name.replace(/^\//, ''), actual: concealed(actual), expected: concealed(expected) };
    });
    return [name, live] as const;
  });
  return new Map(await Promise.all(environments));
}

function concealed(variables: Iterable<readonly [string, string]>): Map<string, Secret> {
  return new Map([...variables].map(([name, value]) => [name, new Secret(value)]));
}
