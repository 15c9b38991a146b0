import { createCluster } from '../../engine/kubernetes/cluster.js';
import { ExitCode, UserError } from '../../errors.js';
import { objectName } from '../../export/k8s/objects.js';
import { shellWord } from '../../system/argv.js';
import type { ServiceContext } from '../context.js';
import { exportSource } from '../export.js';
import { type DeployedCluster, kubectlFor, placeOf, redeployK8s } from './cluster-project.js';
import { heldSecrets, withOtherSecrets } from './k8s-secret-rollout.js';
import { nextKubeSecret, secretObjects, type VersionedKubeSecret } from './k8s-secrets.js';

export interface RotatedThere {
  /** Key in the compose file, or a variable. */
  name: string;
  file: string;
  services: readonly string[];
  /** Service whose role has the secret for its password. */
  database: string | undefined;
}

/**
 * Asks, before anything is changed, whether the secret can be rotated in the cluster: what is deployed has to have the
 * content of the file here, because whoever deploys from another file brings the old value back; and the API server
 * has to take a new version and the workloads with it.
 *
 * @returns those of the services that have a workload there
 * @throws UserError DATABASE_OF_OPERATOR, DATABASE_ELSEWHERE, SECRET_NOT_AS_DEPLOYED (exit 4), KUBE_CONFLICT,
 * KUBE_FORBIDDEN, KUBE_QUOTA, and of the API server
 */
export async function assertRotatable(
  context: ServiceContext,
  target: DeployedCluster,
  secret: RotatedThere,
): Promise<string[]> {
  const { namespace, context: kube } = target;
  const at = { namespace, ...(kube === undefined ? {} : { context: kube }) };
  const cluster = createCluster(context.processes, at, context.signal);
  const source = await exportSource(context);
  if (secret.database !== undefined && !(await cluster.get('statefulset', objectName(secret.database)))) {
    const ofOperator = await cluster.listIfAllowed('clusters.postgresql.cnpg.io');
    throw notOurs(target, secret.name, secret.database, (ofOperator ?? []).length > 0);
  }
  const { workloads, planned } = await heldSecrets(cluster, source, secret.services);
  const own = [...planned].filter(
    ([, { base, keys }]) => base === objectName(secret.name) || keys.includes(secret.name),
  );
  const other = own.find(([name, version]) => version.state !== 'kept' || version.name !== name);
  if (other) throw notAsDeployed(target, secret, other[0], other[1]);
  const names = new Map<string, string>();
  const next: VersionedKubeSecret[] = [];
  for (const [name, version] of own) {
    const made = await nextKubeSecret(cluster, version);
    names.set(name, made.name);
    if (!next.some((one) => one.name === made.name)) next.push(made);
  }
  const changed = await withOtherSecrets(cluster, workloads, names);
  if (changed.length > 0) await cluster.validate([...secretObjects(next, namespace, {}), ...changed]);
  const there = new Set(workloads.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']));
  return secret.services.filter((service) => there.has(objectName(service)));
}

function notOurs(target: DeployedCluster, name: string, database: string, ofOperator: boolean): UserError {
  const steps = `invctl secrets set ${shellWord(name)}, and at once: ${redeployK8s(target)}`;
  return ofOperator
    ? new UserError({
        code: 'DATABASE_OF_OPERATOR',
        message: `CloudNativePG runs "${database}" in ${placeOf(target)}, and gives its roles their passwords itself, from their Secret`,
        hint: `${steps}      (a new Secret, which the operator reads)`,
      })
    : new UserError({
        code: 'DATABASE_ELSEWHERE',
        message: `${placeOf(target)} has no StatefulSet "${database}": its database is somebody else's, and so is the role's password`,
        hint: `ALTER ROLE … PASSWORD … there, then: ${steps}`,
      });
}

function notAsDeployed(
  target: DeployedCluster,
  { name, file }: RotatedThere,
  deployed: string,
  { keys }: VersionedKubeSecret,
): UserError {
  const [key = name] = keys;
  const fetch = `${kubectlFor(target)} get secret ${deployed} --output go-template='{{index .data ${JSON.stringify(key)} | base64decode}}' | install -m 444 /dev/stdin ${shellWord(file)}`;
  return new UserError({
    code: 'SECRET_NOT_AS_DEPLOYED',
    message: `the Secret ${deployed} in ${placeOf(target)} does not have what ${file} has: it was deployed from another machine, whose next deployment would bring the old value back, or the file was changed since`,
    hint: `invctl secrets rotate --deployed      (where it is deployed from)\nor, if that is here, fetch what is deployed: ${fetch}`,
    exitCode: ExitCode.projectInvalid,
    file,
  });
}
