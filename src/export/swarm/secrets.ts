import { mapAt, textAt } from '../../project/tree.js';
import type { ExportSource, Losses } from '../source.js';
import { Asked, type Json } from './json.js';

/** A secret that the stack file refers to, and that must be created in the Swarm first. */
export interface ExportedSecret {
  /** Key in the compose file. */
  key: string;
  /** Its name in the Swarm, without the version. */
  base: string;
  /** Variable with the present version; absent: the secret is external in the compose file already. */
  version?: string;
  /** Absolute path of the file with its value. */
  file?: string;
  /** Variable with its value. */
  environment?: string;
  written: Json;
}

/** Name of the variable with a secret's present version. */
function versionVariable(key: string): string {
  return `${key.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_VERSION`;
}

/**
 * Returns secrets as versioned external ones: Swarm never changes a secret, and does not remove one in use.
 */
export function exportedSecrets({ loaded, project }: ExportSource, losses: Losses): ExportedSecret[] {
  return Object.entries(project.secrets).map(([key, { file, environment, external }]) => {
    const tree = mapAt(loaded.tree, 'secrets', key);
    const name = textAt(tree, 'name') ?? key;
    if (external) return { key, base: name, written: { external: true, name } };
    const base = `${project.name}_${key}`;
    const version = versionVariable(key);
    if (tree) {
      losses.changed(
        `secrets.${key}`,
        tree,
        `the secret lies in the Swarm, as ${base}_v1: docker secret create ${base}_v1 FILE`,
      );
    }
    return {
      key,
      base,
      version,
      ...(file === undefined ? {} : { file }),
      ...(environment === undefined ? {} : { environment }),
      written: { external: true, name: new Asked(`${base}_v\${${version}:-1}`) },
    };
  });
}
