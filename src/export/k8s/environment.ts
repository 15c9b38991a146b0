import { secretVariables } from '../source.js';
import { digest, type Json, metadata, objectName } from './objects.js';
import type { WrittenPod } from './part.js';

const VARIABLE_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/**
 * Writes the environment as Compose resolves it, env files included: public values in a ConfigMap, whose name
 * depends on its content, and secret ones in a Secret, which is not part of the export.
 * @param changed variables whose value differs in the cluster
 * @returns `envFrom` of the container. There, unlike under `env`, nothing replaces `$(NAME)` in a value.
 */
export function environmentOf(pod: WrittenPod, changed: Record<string, string>): Json[] {
  const { source, service, name, losses, tree, variables, objects } = pod;
  const secret = secretVariables(source, service.name);
  const data: Record<string, string> = {};
  const from: Json[] = [];
  for (const [variable, value] of Object.entries({ ...service.environment, ...changed })) {
    if (value === null) continue;
    if (!VARIABLE_NAME.test(variable) || variable.length > 253) {
      const key = `services.${service.name}.environment`;
      losses.lost(
        key,
        tree.entries.get('environment') ?? tree,
        `Kubernetes takes no variable called "${variable}"`,
      );
    } else if (secret.has(variable)) {
      variables.push({ service: service.name, name: variable, asked: environmentSecret(name) });
    } else data[variable] = value;
  }
  if (Object.keys(data).length > 0) {
    const map = objectName(`${name}-env-${digest(JSON.stringify(data))}`);
    const { project } = source;
    objects.push({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(map, project.name, service.name),
      immutable: true,
      data,
    });
    from.push({ configMapRef: { name: map } });
  }
  if (variables.some((one) => one.service === service.name)) {
    from.push({ secretRef: { name: environmentSecret(name) } });
  }
  return from;
}

/** Name of the Secret with a service's secret variables. */
function environmentSecret(name: string): string {
  return objectName(`${name}-env`);
}
