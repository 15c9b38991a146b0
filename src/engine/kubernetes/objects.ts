/** An object of the API server: what all kinds have, and of its specification and status what invctl reads. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; name: string; uid: string }[];
    creationTimestamp?: string;
    [field: string]: unknown;
  };
  spec?: KubeSpec;
  status?: KubeStatus;
  [field: string]: unknown;
}

/** Each kind has some of these. Those of a pod itself are {@link PodSpec}'s. */
export interface KubeSpec extends PodSpec {
  /** Of a Deployment or StatefulSet. */
  replicas?: number;
  /** Of a Job. */
  completions?: number;
  selector?: { matchLabels?: Record<string, string> };
  template?: { metadata?: { labels?: Record<string, string> }; spec?: PodSpec };
  /** Of a StatefulSet. */
  volumeClaimTemplates?: { metadata: { name: string } }[];
  /** Of a Service, as the next. */
  type?: string;
  externalName?: string;
  /** Of an Ingress. */
  rules?: { host?: string }[];
  /** Of CloudNativePG's Cluster, as the four that follow. */
  instances?: number;
  imageName?: string;
  resources?: Resources;
  superuserSecret?: { name?: string };
  bootstrap?: { initdb?: { secret?: { name?: string } } };
  /** Of CloudNativePG's Backup. */
  cluster?: { name?: string };
}

export interface PodSpec {
  containers?: KubeContainer[];
  initContainers?: KubeContainer[];
  volumes?: {
    name: string;
    hostPath?: { path: string };
    secret?: { secretName?: string };
    persistentVolumeClaim?: { claimName: string };
  }[];
  restartPolicy?: string;
}

export interface KubeContainer {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  resources?: Resources;
  readinessProbe?: object;
  livenessProbe?: object;
}

interface Resources {
  limits?: { memory?: string };
}

/** Each kind has some of these. */
export interface KubeStatus {
  conditions?: Condition[];
  observedGeneration?: number;
  replicas?: number;
  readyReplicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
  /** Of a StatefulSet. */
  updateRevision?: string;
  /** Of a DaemonSet, as the three that follow. */
  desiredNumberScheduled?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  numberReady?: number;
  /** Of a Job, as the two that follow. */
  active?: number;
  succeeded?: number;
  failed?: number;
  /** Of a pod, or of an object of CloudNativePG. */
  phase?: string;
  /** Of a pod, as the three that follow. */
  reason?: string;
  message?: string;
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
  /** Of CloudNativePG's Cluster. */
  readyInstances?: number;
  /** Of CloudNativePG's Backup. */
  stoppedAt?: string;
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

export interface ContainerStatus {
  name: string;
  imageID?: string;
  restartCount: number;
  ready: boolean;
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: { reason?: string; exitCode?: number; message?: string };
    running?: object;
  };
  lastState?: { terminated?: { reason?: string; exitCode?: number; message?: string } };
}
