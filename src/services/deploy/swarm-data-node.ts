import { LABEL_STACK } from '../../engine/labels.js';
import type { Swarm, SwarmNode, SwarmService, TaskSpec } from '../../engine/swarm/swarm.js';
import type { Json } from '../../export/swarm/json.js';

/** A node label that keeps a service where its data is, and the nodes that have it. */
interface DataNode {
  /** `shop.pgdata=true` */
  label: string;
  key: string;
  holder: SwarmNode | undefined;
}

/** What keeps a service from its data, and the command that changes it. */
export interface NodeAway {
  message: string;
  next: string;
}

/** The labels of volumes that the constraints of a service ask for, as `STACK.VOLUME=value`. */
export function labelsAskedFor({ ContainerSpec, Placement }: TaskSpec): string[] {
  const stack = ContainerSpec.Labels?.[LABEL_STACK];
  return (Placement?.Constraints ?? []).flatMap((constraint) => {
    const [, key, value] = /^node\.labels\.(\S+?)\s*==\s*(\S+)$/.exec(constraint) ?? [];
    return key?.startsWith(`${stack}.`) && value !== undefined ? [`${key}=${value}`] : [];
  });
}

/**
 * Returns the ID of the node on which each service runs that has no label of its data yet, as it was deployed by hand or
 * bound to no node: what it wrote is there.
 */
export async function nodesOfData(
  swarm: Swarm,
  running: ReadonlyMap<string, SwarmService>,
  definitions: Readonly<Record<string, Json>>,
  labels: readonly string[],
): Promise<Map<string, string>> {
  const nodes = new Map<string, string>();
  for (const label of labels) {
    const [key, value] = label.split('=');
    const services = [...running].flatMap(([name, service]) => {
      const asks = constraintsOf(definitions[name]).includes(`node.labels.${key} == ${value}`);
      return asks && !labelsAskedFor(service.Spec.TaskTemplate).includes(label) ? [service] : [];
    });
    const tasks = await swarm.tasks(services);
    const node = tasks.find(({ Status }) => Status.State === 'running')?.NodeID;
    if (node !== undefined) nodes.set(label, node);
  }
  return nodes;
}

function constraintsOf(definition: Json | undefined): unknown[] {
  const placement = (definition?.deploy as Json | undefined)?.placement as Json | undefined;
  return (placement?.constraints as unknown[] | undefined) ?? [];
}

/** Whether the node runs the tasks that it has: one that is paused does. */
export function runsTasks({ Spec, Status }: SwarmNode): boolean {
  return Status.State === 'ready' && Spec.Availability !== 'drain';
}

/**
 * Why a service cannot run on the node with its data. Undefined: it asks for no label, or its node runs tasks.
 */
export function dataNodeAway(template: TaskSpec, nodes: readonly SwarmNode[]): NodeAway | undefined {
  for (const { label, key, holder } of dataNodes(template, nodes)) {
    if (!holder) return labelGone(label);
    if (!runsTasks(holder)) return nodeAway(key, holder);
  }
  return undefined;
}

/** The node that has the data of a service and runs tasks. */
export function readyDataNode(template: TaskSpec, nodes: readonly SwarmNode[]): SwarmNode | undefined {
  return dataNodes(template, nodes).find(({ holder }) => holder && runsTasks(holder))?.holder;
}

function dataNodes(template: TaskSpec, nodes: readonly SwarmNode[]): DataNode[] {
  return labelsAskedFor(template).map((label) => {
    const [key = '', value] = label.split('=');
    return { label, key, holder: nodes.find(({ Spec }) => Spec.Labels?.[key] === value) };
  });
}

/** The node with the label does not run tasks. */
export function nodeAway(key: string, { Description, Spec, Status }: SwarmNode): NodeAway {
  const { Hostname: name } = Description;
  const isDrained = Status.State === 'ready' && Spec.Availability === 'drain';
  return {
    message: `its data is on the node ${name}, which is ${isDrained ? 'drained' : Status.State}; it starts on no other one, where it would be empty`,
    next: isDrained
      ? `docker node update --availability active ${name}`
      : `docker node ls      (start Docker on ${name}; where ${name} is lost: docker node update --label-rm ${key} ${name}, then invctl deploy swarm --node NODE, which starts empty, and restore a backup)`,
  };
}

/** No node has the label, and a service of the stack asks for it. */
export function labelGone(label: string): NodeAway {
  return {
    message: `its data was on a node with the label ${label}, and no node of the Swarm has that any more; it starts on no other one, where it would be empty`,
    next: `docker node update --label-add ${label} NODE      (the node with the data, once it is back; where it is lost: invctl deploy swarm --node NODE, which starts empty, and restore a backup)`,
  };
}
