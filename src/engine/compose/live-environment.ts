import { type ComposeProject, imageName } from '../../project/model.js';
import { Secret } from '../../system/secret.js';
import type { LiveEnvironment } from '../engine.js';
import { parseEnvironment } from '../environment-list.js';
import { LABEL_SERVICE } from '../labels.js';
import type { ContainerInspect } from '../survey.js';
import type { Docker } from './docker.js';
import { imageEnvironments } from './image-environments.js';

/** Variables that the client adds from `proxies` in its own configuration. */
const PROXY_NAME = /^(https?|ftp|all|no)_proxy$/i;

/**
 * Returns the environment of the running containers, beside the one that Compose would give new ones of the
 * present images.
 */
export async function liveEnvironments(
  docker: Docker,
  project: ComposeProject,
  containers: readonly ContainerInspect[],
  services: readonly string[],
): Promise<Map<string, LiveEnvironment[]>> {
  const live = services.map((name) => ({
    name,
    service: project.services[name],
    running: containers.filter(
      ({ Config, State }) => Config.Labels?.[LABEL_SERVICE] === name && State.Status === 'running',
    ),
  }));
  const images = live.flatMap(({ service, running }) =>
    service && running.length > 0 ? [imageName(project, service)] : [],
  );
  const imageEnvironment = await imageEnvironments(docker, [...new Set(images)]);
  const environments = live.map(({ name, service, running }) => {
    if (!service || running.length === 0) return [name, [] as LiveEnvironment[]] as const;
    const expected = new Map(Object.entries(imageEnvironment.get(imageName(project, service)) ?? {}));
    for (const [variable, value] of Object.entries(service.environment)) {
      if (value === null) expected.delete(variable);
      else expected.set(variable, value);
    }
    const instances = running.map(({ Name, Config }): LiveEnvironment => {
      const actual = [...parseEnvironment(Config.Env)].filter(
        ([variable]) => expected.has(variable) || !PROXY_NAME.test(variable),
      );
      return { instance: Name.replace(/^\//, ''), actual: concealed(actual), expected: concealed(expected) };
    });
    return [name, instances] as const;
  });
  return new Map(environments);
}

function concealed(variables: Iterable<readonly [string, string]>): Map<string, Secret> {
  return new Map([...variables].map(([name, value]) => [name, new Secret(value)]));
}
