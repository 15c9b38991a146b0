import { type Cluster, kubectlRefusal } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { CommandError, UserError } from '../../errors.js';
import { shellWord } from '../../system/argv.js';
import { kubectlFor } from './cluster-project.js';
import { nameOf } from './k8s-objects.js';

/** The server names the object, and says that what it has cannot become what is asked. */
const CANNOT_BECOME =
  /(\w+)(?:\.[\w.-]+)? "([^"\s]+)" is invalid: [^\n]*(?:updates to statefulset spec|field is immutable|may not be changed|may not change once set)/gi;

/**
 * Turns the server's refusal of objects into an error that names them.
 *
 * @throws UserError KUBE_CONFLICT, MANIFEST_REFUSED
 */
export async function refusing<T>(
  cluster: Cluster,
  objects: readonly KubeObject[],
  asked: Promise<T>,
): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof UserError && error.code === 'KUBE_CONFLICT') {
      throw await withObjects(cluster, objects, error);
    }
    if (!(error instanceof CommandError)) throw error;
    const others = [...error.stderrTail.matchAll(CANNOT_BECOME)].map(
      ([, kind = '', name]) => `${kind.toLowerCase()}/${name}`,
    );
    const kubectl = kubectlFor(cluster.target);
    const { context } = cluster.target;
    const again = `invctl deploy k8s${context === undefined ? '' : ` --context ${shellWord(context)}`}`;
    throw new UserError({
      code: 'MANIFEST_REFUSED',
      message: `the API server does not take the manifests: ${kubectlRefusal(error)}`,
      hint:
        others.length > 0
          ? `${kubectl} delete --cascade=orphan ${[...new Set(others)].join(' ')} && ${again}      (it is made anew; its pods run on, and claims stay)`
          : 'invctl export k8s, then: kubectl apply --server-side --dry-run=server --kustomize k8s/overlays/production',
      cause: error,
    });
  }
}

/** kubectl says which fields somebody else has, and not of which object: each is asked for by itself. */
async function withObjects(
  cluster: Cluster,
  objects: readonly KubeObject[],
  error: UserError,
): Promise<UserError> {
  const there = new Set((await cluster.existing(objects)).map((one) => nameOf(one)));
  const told: string[] = [];
  for (const object of objects.filter((one) => there.has(nameOf(one)))) {
    try {
      await cluster.validate([object]);
    } catch (refused) {
      if (!(refused instanceof UserError) || refused.code !== 'KUBE_CONFLICT') continue;
      told.push(`${object.kind} ${object.metadata.name}: ${refused.message}`);
    }
  }
  if (told.length === 0) return error;
  return new UserError({
    code: error.code,
    message: told.join('\n'),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}
