import type { Cluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ServiceContext } from '../context.js';
import { type CauseFinder, causeFinder, type DeployCause, type DeployFailure, masked } from './evidence.js';
import { containerStatuses, type KubeFailure, podsOf } from './k8s-rollout.js';

const LAST_LINES = 12;
const OVERLAY = 'k8s/overlays/production/kustomization.yaml';

/** What the cluster reports about a workload, its pods and its claims. */
interface Told {
  text: string;
  service: string;
  kubectl: string;
}

/** Texts of Kubernetes 1.20 to 1.34, their meaning, and what to do. The first that matches wins. */
const CAUSES: readonly {
  pattern: RegExp;
  explain(match: RegExpExecArray, told: Told): Omit<DeployCause, 'check'>;
}[] = [
  {
    pattern:
      /exceeded quota: ([^,\n]+), requested: ([^,\n]+)(?:, used: ([^,\n]+))?(?:, limited: ([^,\n]+))?/i,
    explain: ([, quota, asked, , limit], { kubectl }) => ({
      message: `the quota ${quota} of the namespace does not allow it: ${asked} is asked for${limit ? `, ${limit} is the limit` : ''}`,
      next: `${kubectl} describe resourcequota ${quota}      (or lower deploy.resources in the compose file)`,
    }),
  },
  {
    pattern: /violates PodSecurity "([^"]+)": ([^\n]+)/i,
    explain: ([, level, why]) => ({
      message: `the namespace allows ${level} pods alone: ${why}`,
      next: 'set cap_drop: [ALL], security_opt: ["no-new-privileges:true"] and a numeric user in the compose file',
    }),
  },
  {
    pattern: /is forbidden: ([^\n]+)/i,
    explain: ([, why], { kubectl }) => ({
      message: `the cluster refuses its pods: ${why}`,
      next: `${kubectl} get events --sort-by=.lastTimestamp`,
    }),
  },
  {
    pattern: /no match for platform|no matching manifest for (\S+)|exec format error/i,
    explain: ([, platform], { service }) => ({
      message: `its image is for another processor than the node has${platform ? ` (${platform})` : ''}`,
      next: `docker buildx build --platform linux/amd64,linux/arm64 --push …      (of "${service}"), or a nodeSelector in ${OVERLAY}`,
    }),
  },
  {
    pattern: /(?:ErrImagePull|ImagePullBackOff|InvalidImageName)[^\n]*?(?:"([^"]+)"|$)/i,
    explain: ([, image], { text, kubectl }) => {
      const denied = /unauthorized|authentication required|denied|403/i.test(text);
      return {
        message: `the node cannot pull its image${image ? ` ${image}` : ''}${denied ? ': the registry demands a login' : ''}`,
        next: denied
          ? `${kubectl} create secret docker-registry pull --docker-server=… --docker-username=… and imagePullSecrets in ${OVERLAY}`
          : `push the image, and name it under images in ${OVERLAY}`,
      };
    },
  },
  {
    pattern: /no persistent volumes available for this claim and no storage class is set/i,
    explain: (_, { kubectl }) => ({
      message: 'its volume cannot be made: the cluster has no default storage class',
      next: `kubectl get storageclass      (then storageClassName in ${OVERLAY}, or make one the default; ${kubectl} get pvc shows who waits)`,
    }),
  },
  {
    pattern: /storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found/i,
    explain: ([, name]) => ({
      message: `its volume cannot be made: the cluster has no storage class "${name}"`,
      next: `kubectl get storageclass      (then storageClassName in ${OVERLAY})`,
    }),
  },
  {
    pattern:
      /unbound immediate PersistentVolumeClaims|waiting for a volume to be created|persistentvolumeclaim "([^"]+)" not found/i,
    explain: (_, { kubectl }) => ({
      message: 'its volume is not there yet',
      next: `${kubectl} describe pvc      (what the storage class says)`,
    }),
  },
  {
    pattern: /(\d+\/\d+ nodes are available: [^\n]*Insufficient [^\n]*)/i,
    explain: ([, nodes]) => ({
      message: `no node has room for it: ${nodes}`,
      next: 'lower deploy.resources.reservations in the compose file, or add a node',
    }),
  },
  {
    pattern: /(\d+\/\d+ nodes are available[^\n]*|no nodes available to schedule pods)/i,
    explain: ([, nodes]) => ({
      message: `no node takes it: ${nodes}`,
      next: 'kubectl get nodes --show-labels      (taints and labels against the pod)',
    }),
  },
  {
    pattern: /(secret|configmap) "([^"]+)" not found/i,
    explain: ([, kind, name], { kubectl }) => ({
      message: `the ${kind} ${name} that it needs is not there`,
      next: `${kubectl} get ${kind}      (then: invctl deploy k8s)`,
    }),
  },
  {
    pattern: /container has runAsNonRoot and image (?:will run as root|has non-numeric user[^\n]*)/i,
    explain: ([said], { service }) => ({
      message: `the cluster demands a user that is not root: ${said}`,
      next: `write user: "UID:GID" at "${service}" in the compose file`,
    }),
  },
  {
    pattern:
      /([^\n]*(?:could not (?:create|access|change permissions of)|cannot create|mkdir)[^\n]*Permission denied[^\n]*)/i,
    explain: ([, said = ''], { kubectl }) => ({
      message: `its user may not write into its volume, whose storage leaves fsGroup out of account (hostPath, NFS): ${said.trim()}`,
      next: `${kubectl} get pvc,storageclass      (then another storageClassName in ${OVERLAY}, or an init container there that gives the folder to that user)`,
    }),
  },
  {
    pattern: /OOMKilled/,
    explain: () => ({
      message: 'it was killed, as it needs more memory than its limit',
      next: 'raise deploy.resources.limits.memory in the compose file',
    }),
  },
];

/** Explains why workloads are not ready, each with what to type. Called before a rollback. */
export async function explainKubeFailures(
  context: ServiceContext,
  cluster: Cluster,
  failures: readonly KubeFailure[],
  secrets: readonly string[],
): Promise<DeployFailure[]> {
  const { namespace, context: kube } = cluster.target;
  const kubectl = `kubectl${kube === undefined ? '' : ` --context ${kube}`} --namespace ${namespace}`;
  const deploy = `invctl deploy k8s${kube === undefined ? '' : ` --context ${kube}`} --namespace ${namespace}`;
  const findCause = await causeFinder(context, {
    logs: (service, lines) =>
      `${kubectl} logs --tail ${lines} --selector app.kubernetes.io/component=${objectName(service)}`,
    exec: (service, command) => `${kubectl} exec service/${objectName(service)} -- ${command}`,
    start: deploy,
    rebuild: `invctl build --no-cache, push the image under another tag, then: ${deploy}`,
    networks: `${kubectl} get networkpolicies,services`,
    space: `${kubectl} get pvc      (x-size of the volume in the compose file, then: ${deploy})`,
  });
  const explained: DeployFailure[] = [];
  for (const failure of failures)
    explained.push(await explainKubeFailure(cluster, failure, findCause, secrets));
  return explained;
}

/** Gathers what the cluster, its events and the log say about a workload that is not ready. */
export async function explainKubeFailure(
  cluster: Cluster,
  { object, reason, message }: KubeFailure,
  findCause: CauseFinder,
  secrets: readonly string[],
): Promise<DeployFailure> {
  const service = object.metadata.labels?.['app.kubernetes.io/component'] ?? object.metadata.name;
  const { target } = cluster;
  const kubectl = `kubectl${target.context ? ` --context ${target.context}` : ''} --namespace ${target.namespace}`;
  const [pods, events, claims] = await Promise.all([
    cluster.list('pod').catch(() => []),
    cluster.list('event').catch(() => []),
    cluster.list('pvc').catch(() => []),
  ]);
  const own = podsOf(object, pods);
  const pod = own.find((one) => containerStatuses(one).some(({ ready }) => !ready)) ?? own[0];
  const container = pod && containerStatuses(pod).find(({ ready }) => !ready);
  const ended = container?.lastState?.terminated ?? container?.state?.terminated;
  const lastLines =
    pod && container ? await cluster.logs(pod.metadata.name, container.name, LAST_LINES).catch(() => []) : [];
  const said = [object, ...own].flatMap((one) => eventsOf(one, events));
  const probe = said.find(({ reason: why }) => why === 'Unhealthy')?.message?.trim();
  const state = container?.state?.waiting;
  // The container's own state comes first, because an event may be older; a volume comes before the pods that
  // wait for it.
  const evidence = [
    [message, ...wordsOf(state), ...wordsOf(ended)],
    claims
      .filter((claim) => isOf(claim, pod) && claim.status?.phase !== 'Bound')
      .flatMap((claim) => eventsOf(claim, events).map((event) => event.message)),
    conditionsOf(pod),
    // A container that has ended had its node, its room and its volumes.
    said
      .filter(({ reason: why }) => !(ended && why === 'FailedScheduling'))
      .map((event) => `${event.reason}: ${event.message}`),
    lastLines,
  ];
  const error = [state?.message, ended?.message, conditionsOf(pod)[0], lastWarning(said)]
    .find(Boolean)
    ?.trim();
  // A build on the same machine makes the same image again.
  const ofMachine = /exec format error/.test(lastLines.join('\n'));
  const cause = (ofMachine ? undefined : findCause(lastLines, probe)) ??
    causeAmong(evidence, service, kubectl) ?? {
      message: error ?? message,
      next: `${kubectl} describe ${object.kind.toLowerCase()} ${object.metadata.name}`,
    };
  const failure: DeployFailure = {
    service,
    reason,
    message,
    lastLines,
    cause,
    ...(error ? { error } : {}),
    ...(ended?.exitCode ? { exitCode: ended.exitCode } : {}),
    ...(probe ? { healthOutput: probe } : {}),
  };
  return masked(failure, secrets);
}

function causeAmong(
  evidence: readonly string[][],
  service: string,
  kubectl: string,
): DeployCause | undefined {
  for (const lines of evidence) {
    const cause = causeIn({ text: lines.join('\n'), service, kubectl });
    if (cause) return cause;
  }
  return undefined;
}

function wordsOf(state: { reason?: string; message?: string } | undefined): string[] {
  return state ? [`${state.reason ?? ''} ${state.message ?? ''}`] : [];
}

function causeIn(told: Told): DeployCause | undefined {
  for (const { pattern, explain } of CAUSES) {
    const match = pattern.exec(told.text);
    if (match) return explain(match, told);
  }
  return undefined;
}

function isOf(claim: KubeObject, pod: KubeObject | undefined): boolean {
  const volumes = pod?.spec?.volumes ?? [];
  return volumes.some(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim.metadata.name,
  );
}

function conditionsOf(pod: KubeObject | undefined): string[] {
  const conditions = pod?.status?.conditions ?? [];
  return conditions
    .filter(({ type, status, message }) => type === 'PodScheduled' && status === 'False' && message)
    .map(({ message }) => message as string);
}

interface KubeEvent {
  reason: string;
  message: string;
  type: string;
}

function eventsOf(object: KubeObject, events: readonly KubeObject[]): KubeEvent[] {
  return events
    .filter(({ involvedObject }) => {
      const { uid, name, kind } = involvedObject as { uid?: string; name: string; kind: string };
      return uid === object.metadata.uid || (name === object.metadata.name && kind === object.kind);
    })
    .map((event) => ({
      reason: String(event.reason),
      message: String(event.message),
      type: String(event.type),
    }))
    .reverse();
}

function lastWarning(events: readonly KubeEvent[]): string | undefined {
  return events.find(({ type }) => type === 'Warning')?.message;
}
