import type { KubeObject, PodSpec } from '../../engine/kubernetes/objects.js';
import { UserError } from '../../errors.js';
import { type DeployedCluster, kubectlFor } from './cluster-project.js';
import { nameOf } from './k8s-objects.js';

/** A path of a workload that gets another claim than it has. */
interface ReplacedClaim {
  object: KubeObject;
  path: string;
  /** Name of the volume, after that of the compose file. */
  before: string;
  now: string;
}

/** Returns the claims that workloads have, and that they are not given again. */
function replacedClaims(before: readonly KubeObject[], objects: readonly KubeObject[]): ReplacedClaim[] {
  return objects.flatMap((object) => {
    const there = before.find((one) => nameOf(one) === nameOf(object));
    const present = claimsOf(there);
    return [...claimsOf(object)].flatMap(([path, now]): ReplacedClaim[] => {
      const had = present.get(path);
      return had === undefined || had === now ? [] : [{ object, path, before: had, now }];
    });
  });
}

/**
 * Tells of workloads that would start without the data that they have. A StatefulSet is refused: the API server would
 * refuse it for its claims, and whoever deletes it for that gets an empty database.
 *
 * @throws UserError VOLUME_RENAMED
 */
export function assertClaimsKept(
  before: readonly KubeObject[],
  objects: readonly KubeObject[],
  target: DeployedCluster,
  warn: (message: string) => void,
): void {
  for (const { object, path, before: had, now } of replacedClaims(before, objects)) {
    const { name } = object.metadata;
    const change = `the volume of "${name}" at ${path} is called "${now}", and was called "${had}" when it was deployed`;
    if (object.kind !== 'StatefulSet') {
      warn(
        `${change}: it gets an empty claim. The data stays in the claim ${had}. To keep it: call the volume ${had} in the compose file, then: invctl deploy k8s`,
      );
      continue;
    }
    const remove = `${kubectlFor(target)} delete --cascade=orphan statefulset/${name}`;
    throw new UserError({
      code: 'VOLUME_RENAMED',
      message: `${change}: its data is in the claim ${had}-${name}-0, and it would start empty`,
      hint: `call the volume ${had} in the compose file, then: invctl deploy k8s      (where it is to start empty: ${remove}, and deploy again; the claim stays)`,
    });
  }
}

/** The volumes of a workload by the paths of its first container. */
function claimsOf(object: KubeObject | undefined): Map<string, string> {
  const pod: PodSpec = object?.spec?.template?.spec ?? {};
  const claims = new Map(
    (object?.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => [metadata.name, metadata.name]),
  );
  for (const { name, persistentVolumeClaim } of pod.volumes ?? []) {
    if (persistentVolumeClaim) claims.set(name, persistentVolumeClaim.claimName);
  }
  return new Map(
    (pod.containers?.[0]?.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
      const claim = claims.get(name);
      return claim === undefined ? [] : [[mountPath, claim] as const];
    }),
  );
}
