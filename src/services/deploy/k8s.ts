import { join, resolve } from 'node:path';
import { type Cluster, createCluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { ExitCode, UserError } from '../../errors.js';
import { objectName } from '../../export/k8s/objects.js';
import type { DatabaseForm } from '../../export/k8s/part.js';
import type { ExportSource, Loss } from '../../export/source.js';
import { settingsIn } from '../../project/present-settings.js';
import { appService } from '../../project/service-roles.js';
import { readSettings } from '../../project/settings-file.js';
import { shellWord } from '../../system/argv.js';
import { assertNothingUnfinished } from '../../system/journal.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { assertForCluster } from '../database/restore.js';
import { exportSource } from '../export.js';
import { provideSecrets } from '../secrets/provide.js';
import { type DeployedCluster, kubectlFor } from './cluster-project.js';
import { rememberCluster } from './deployed-record.js';
import { runDeployment } from './deployment.js';
import { recoverDeployments } from './interrupted.js';
import { explainKubeFailures } from './k8s-causes.js';
import { assertClaimsKept } from './k8s-claims.js';
import { exportedForm, nameOf, projectObjects } from './k8s-objects.js';
import {
  configured,
  type K8sDeployment,
  k8sDeployOperation,
  TAKEN_BACK,
  takeBackObjects,
} from './k8s-operation.js';
import { refusing } from './k8s-refused.js';
import { awaitKubeRollout, isWorkload, type KubeRolloutInput } from './k8s-rollout.js';
import {
  planKubeSecrets,
  removeOldKubeSecrets,
  secretObjects,
  type VersionedKubeSecret,
  withVersions,
} from './k8s-secrets.js';

export interface K8sDeployInput extends Omit<KubeRolloutInput, 'signal'> {
  /** Context of the kubeconfig. */
  kubeContext?: string | undefined;
  namespace?: string | undefined;
  /** Folder of `export k8s`, relative to the working directory; default: `k8s` in the project. */
  folder?: string | undefined;
  /** Default: the form that was exported. */
  database?: DatabaseForm | undefined;
  ingress?: string | undefined;
  dryRun: boolean;
  /** Overwrite fields that somebody else changed. */
  takeOver: boolean;
  /** Backup to restore into the database afterwards. It is checked before anything is changed. */
  restore?: string | undefined;
  onLosses?: (losses: readonly Loss[]) => void;
}

export interface K8sDeployed {
  namespace: string;
  objects: { kind: string; name: string; action: 'create' | 'change' | 'unchanged' }[];
  secrets: Omit<VersionedKubeSecret, 'content'>[];
  /** What the server would change, as a unified diff; only with a dry run. */
  diff?: string;
  seconds: Record<string, number>;
}

interface Plan {
  cluster: Cluster;
  /** Starts with the Namespace, if it has to be created. */
  objects: KubeObject[];
  secrets: VersionedKubeSecret[];
  /** The same objects before the deployment. */
  before: KubeObject[];
  newNamespace: KubeObject | undefined;
  masked: readonly string[];
}

/**
 * Applies the project to a namespace of a cluster and waits until every workload is ready. When one fails,
 * everything that this deployment changed is rolled back; claims, and the data in them, are never removed.
 *
 * @throws UserError KUBECTL_MISSING, KUBE_UNREACHABLE, KUBE_LOGIN_EXPIRED, KUBE_CONTEXT_UNKNOWN (exit 3),
 * KUBE_FORBIDDEN, KUBE_QUOTA, KUBE_CONFLICT, VOLUME_RENAMED, MANIFEST_REFUSED and of secrets before anything is changed;
 * DEPLOY_FAILED (exit 6)
 */
export async function deployK8s(context: ServiceContext, input: K8sDeployInput): Promise<K8sDeployed> {
  const location = context.project();
  const options = { command: 'invctl deploy k8s', recovers: true, signal: context.signal };
  return withProjectLock(location, options, async () => {
    if (input.dryRun) await assertNothingUnfinished(location);
    else await recoverDeployments(context, k8sDeployOperation);
    return deploy(context, input);
  });
}

async function deploy(context: ServiceContext, input: K8sDeployInput): Promise<K8sDeployed> {
  const plan = await planDeployment(context, input);
  const { cluster, objects, secrets, before, newNamespace } = plan;
  const options = { force: input.takeOver };
  const told: K8sDeployed = {
    namespace: cluster.target.namespace,
    objects: [],
    secrets: secrets.map(({ content: _, ...secret }) => secret),
    seconds: {},
  };
  const made = secretObjects(secrets, cluster.target.namespace, { 'app.kubernetes.io/managed-by': 'invctl' });
  if (newNamespace) {
    // The server validates nothing in a namespace that does not exist.
    if (input.dryRun) {
      await refusing(cluster, [newNamespace], cluster.validate([newNamespace]));
      const all = [newNamespace, ...objects];
      return { ...told, objects: all.map((one) => ({ ...titleOf(one), action: 'create' })) };
    }
    await refusing(cluster, [newNamespace], cluster.apply([newNamespace]));
  }
  let diff: string;
  try {
    await refusing(cluster, objects, cluster.validate([...made, ...objects], options));
    diff = newNamespace ? '' : await cluster.diff(objects);
  } catch (error) {
    if (newNamespace) await cluster.remove([nameOf(newNamespace)]);
    throw error;
  }
  const done: K8sDeployed = { ...told, objects: actionsOf(objects, before, diff) };
  if (input.dryRun) return { ...done, diff };
  const { namespace } = cluster.target;
  const state = await deploymentOf(plan, made, input);
  const seconds = await runDeployment(context, {
    operation: k8sDeployOperation,
    state,
    journaled: true,
    name: namespace,
    handOver: () => refusing(cluster, objects, cluster.apply([...made, ...objects], options)),
    watch: () => {
      const { timeoutMs, onEvent } = input;
      const { signal } = context;
      return awaitKubeRollout(cluster, objects.filter(isWorkload), { timeoutMs, signal, onEvent });
    },
    continues:
      'the cluster continues the deployment, and nothing rolls it back if it fails; to wait for the result, and roll back a failure: invctl recover',
    explain: (failures) => explainKubeFailures(context, cluster, failures, plan.masked),
    takeBack: () => takeBackObjects(cluster, state, context),
    words: {
      subject: `"${namespace}"`,
      orchestrator: 'the cluster',
      healthCheck: 'probe',
      takenBack: TAKEN_BACK,
      next: `kubectl --namespace ${namespace} get pods`,
      details: { namespace },
    },
    async clean() {
      await removeOldKubeSecrets(cluster, secrets);
      await rememberCluster(context.project(), cluster);
    },
  });
  return { ...done, seconds };
}

async function deploymentOf(
  { cluster, objects, before, secrets }: Plan,
  made: readonly KubeObject[],
  { timeoutMs, restore }: K8sDeployInput,
): Promise<K8sDeployment> {
  const context = await cluster.contextName();
  const { namespace } = cluster.target;
  const isSecret = ({ kind }: KubeObject) => kind === 'Secret';
  return {
    ...(context === undefined ? {} : { context }),
    namespace,
    objects: objects.map(({ apiVersion, kind, metadata: { name } }) => ({
      apiVersion,
      kind,
      metadata: { name, namespace },
    })),
    before: before.filter((one) => !isSecret(one)).map(configured),
    kept: before.filter(isSecret).map(nameOf),
    made: made.map(nameOf),
    secrets: secrets.map(({ base, version }) => ({ base, version })),
    timeoutMs,
    ...(restore === undefined ? {} : { restore }),
  };
}

async function planDeployment(context: ServiceContext, input: K8sDeployInput): Promise<Plan> {
  const location = context.project();
  const source = await exportSource(context);
  const folder =
    input.folder === undefined ? join(location.directory, 'k8s') : resolve(context.directory, input.folder);
  const exported = await exportedForm(folder, source.database && objectName(source.database));
  const ingress = input.ingress ?? exported.ingress;
  const namespace = input.namespace ?? objectName(source.project.name);
  const target = { namespace, ...(input.kubeContext === undefined ? {} : { context: input.kubeContext }) };
  const cluster = createCluster(context.processes, target, context.signal);
  const database = input.database ?? exported.database ?? 'statefulset';
  if (input.restore !== undefined) {
    if (database !== 'statefulset') throw restoredElsewhere(database, source, target);
    await assertForCluster(context, input.restore, target);
  }
  const there = await namespaceState(cluster);
  const settings = await settingsIn(location);
  if (settings && !input.dryRun) await provideSecrets(context, settings.secrets, source.project, []);
  const { services } = await readSettings(location);
  const { manifests, objects } = await projectObjects(
    cluster,
    source,
    {
      namespace,
      database,
      ...(ingress === undefined ? {} : { ingress, app: appService(source.project, services).name }),
    },
    folder,
  );
  // The deployment itself handles secrets and images.
  input.onLosses?.(manifests.losses.filter(({ key }) => !/^secrets\.|^services\.[^.]+\.build$/.test(key)));
  const secrets = await planKubeSecrets(cluster, source, manifests.secrets, there !== 'absent');
  const own = withVersions(
    objects.filter(({ kind }) => kind !== 'Namespace'),
    secrets,
  );
  const before = there === 'absent' ? [] : await cluster.existing(own);
  assertClaimsKept(before, own, target, context.warn);
  return {
    cluster,
    objects: own,
    secrets,
    before,
    newNamespace: there === 'absent' ? objects.find(({ kind }) => kind === 'Namespace') : undefined,
    masked: source.secrets,
  };
}

function restoredElsewhere(
  database: DatabaseForm,
  { project, database: service = '' }: ExportSource,
  target: DeployedCluster,
): UserError {
  const { POSTGRES_USER, POSTGRES_DB } = project.services[service]?.environment ?? {};
  const user = POSTGRES_USER || 'postgres';
  const name = POSTGRES_DB || user;
  // What a superuser restores would be the superuser's, and the app could not read it.
  const owner = user === 'postgres' ? '' : ` --role=${shellWord(user)}`;
  return new UserError({
    code: 'RESTORE_NOT_HERE',
    message: `--restore fills the StatefulSet that the export makes, and this project's database is ${database}`,
    hint:
      database === 'cnpg'
        ? `invctl db verify FILE, then: ${kubectlFor(target)} exec --stdin service/${objectName(service)}-cluster-rw --container postgres -- pg_restore --dbname=${shellWord(name)} --no-owner${owner} --single-transaction < FILE      (docs/orchestrators.md)`
        : 'invctl db verify FILE, then: pg_restore --host=… --dbname=NAME --single-transaction FILE',
    exitCode: ExitCode.usage,
  });
}

/** A person who may deploy into a namespace is not always allowed to read it. */
async function namespaceState(cluster: Cluster): Promise<'there' | 'absent'> {
  try {
    return (await cluster.get('namespace', cluster.target.namespace)) ? 'there' : 'absent';
  } catch (error) {
    if (error instanceof UserError && error.code === 'KUBE_FORBIDDEN') return 'there';
    throw error;
  }
}

function titleOf({ kind, metadata }: KubeObject): { kind: string; name: string } {
  return { kind, name: metadata.name };
}

/** kubectl names the compared files `GROUP.VERSION.KIND.NAMESPACE.NAME`. */
function actionsOf(
  objects: readonly KubeObject[],
  before: readonly KubeObject[],
  diff: string,
): K8sDeployed['objects'] {
  const compared = diff.split('\n').filter((line) => line.startsWith('+++ '));
  return objects.map((object) => {
    const { kind, metadata } = object;
    const isNew = !before.some((one) => nameOf(one) === nameOf(object));
    const isChanged = compared.some((line) =>
      line.split('\t')[0]?.endsWith(`.${kind}.${metadata.namespace}.${metadata.name}`),
    );
    return { kind, name: metadata.name, action: isNew ? 'create' : isChanged ? 'change' : 'unchanged' };
  });
}
