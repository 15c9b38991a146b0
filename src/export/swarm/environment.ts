import type { TreeMap } from '../../project/tree.js';
import { secretVariables } from '../source.js';
import { Asked, type Json } from './json.js';
import type { WrittenService } from './written-service.js';

/**
 * Returns the environment as Compose resolves it, env files included: `docker stack deploy` reads env files
 * differently (quotes become part of the value). Secret values are left out; the shell of the deployment must
 * set them.
 */
export function writtenEnvironment({ source, name, variables, losses }: WrittenService, tree: TreeMap): Json {
  const written: Json = {};
  const secret = secretVariables(source, name);
  for (const [variable, value] of Object.entries(source.project.services[name]?.environment ?? {})) {
    if (value === null) continue;
    // The schema of docker/cli asks for `.+`, which a line break does not match.
    if (!/./.test(variable)) {
      losses.lost(`services.${name}.environment`, tree, 'Swarm takes no variable without a name');
      continue;
    }
    if (!secret.has(variable)) {
      written[variable] = value;
      continue;
    }
    const asked = askedName(source.project.services, name, variable);
    variables.push({ service: name, name: variable, asked });
    written[variable] = new Asked(`\${${asked}:?a secret that the stack file does not hold}`);
  }
  return written;
}

/** Returns the variable's own name; if services have different values, prefixed by the service's name. */
function askedName(
  services: WrittenService['source']['project']['services'],
  service: string,
  variable: string,
): string {
  const values = new Set(Object.values(services).flatMap(({ environment }) => environment[variable] ?? []));
  const asked = values.size > 1 ? `${service}_${variable}` : variable;
  return asked.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}
