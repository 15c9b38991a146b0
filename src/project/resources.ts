import { invalidProject } from './invalid.js';
import { mapAt, type TreeMap, type TreeNode } from './tree.js';

/**
 * Checks the rules of volumes, secrets and configs that a schema cannot express.
 * @throws UserError COMPOSE_INVALID
 */
export function checkResources(project: TreeMap): void {
  for (const [name, volume] of mapAt(project, 'volumes')?.entries ?? []) {
    if (volume.kind !== 'map' || plainBoolean(volume, 'external') !== true) continue;
    const other = [...volume.entries.keys()].find(
      (key) => key !== 'name' && key !== 'external' && !key.startsWith('x-'),
    );
    if (other) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `volumes.${name}: an external volume cannot have \`${other}\``,
        (volume.entries.get(other) as TreeNode).at,
        `remove \`${other}\` or \`external\``,
      );
    }
  }
  checkSources(project, 'secrets', ['file', 'environment']);
  checkSources(project, 'configs', ['file', 'environment', 'content']);
}

function checkSources(project: TreeMap, section: string, sources: string[]): void {
  for (const [name, resource] of mapAt(project, section)?.entries ?? []) {
    if (resource.kind !== 'map') continue;
    const given = sources.filter((source) => resource.entries.has(source));
    if (given.length > 1) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${section}.${name}: ${given.map((source) => `\`${source}\``).join(' and ')} exclude each other`,
        (resource.entries.get(given[1] as string) as TreeNode).at,
        'keep one of them',
      );
    }
    if (given.length === 0 && !resource.entries.has('driver') && !resource.entries.has('external')) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${section}.${name}: one of ${sources.map((source) => `\`${source}\``).join(', ')} must be set`,
        resource.at,
        `add \`${sources[0]}: …\``,
      );
    }
  }
}

function plainBoolean(map: TreeMap, key: string): boolean | undefined {
  const node = map.entries.get(key);
  return node?.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : undefined;
}
