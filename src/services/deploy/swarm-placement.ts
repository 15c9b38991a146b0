import type { Swarm, SwarmNode } from '../../engine/swarm/swarm.js';
import { ExitCode, UserError } from '../../errors.js';
import { labelGone, type NodeAway, nodeAway, runsTasks } from './swarm-data-node.js';

/** A label that keeps a service with data on the node that holds the data. */
export interface PlacedLabel {
  /** `shop.pgdata=true` */
  label: string;
  node: SwarmNode;
  /** The node has it already. */
  kept: boolean;
}

/**
 * Chooses the node that has, or gets, the label of each volume.
 *
 * @param known.inUse labels that services of the stack ask for already: a node has, or had, their data
 * @param known.runsOn ID of the node on which the service of a label runs, and has its data
 * @param named host name or id that the person gave
 * @param choose asks when several nodes are possible
 * @throws UserError NODE_UNDECIDED, NODE_UNKNOWN (exit 2), LABEL_TWICE, NODE_HAS_NO_DATA, DATA_NODE_AWAY
 */
export async function placeLabels(
  nodes: readonly SwarmNode[],
  labels: readonly string[],
  { inUse, runsOn }: { inUse: ReadonlySet<string>; runsOn: ReadonlyMap<string, string> },
  named: string | undefined,
  choose: (label: string, nodes: readonly SwarmNode[]) => Promise<SwarmNode>,
): Promise<PlacedLabel[]> {
  const wanted = named === undefined ? undefined : nodeCalled(nodes, named);
  const placed: PlacedLabel[] = [];
  for (const label of labels) {
    const [key = '', value] = label.split('=');
    const holders = nodes.filter(({ Spec }) => Spec.Labels?.[key] === value);
    const [holder] = holders;
    if (holders.length > 1) throw twice(label, key, holders);
    if (holder) {
      if (wanted && wanted.ID !== holder.ID) throw otherNode(label, key, holder, wanted);
      if (!runsTasks(holder)) throw away(label, nodeAway(key, holder));
      placed.push({ label, node: holder, kept: true });
      continue;
    }
    if (inUse.has(label) && !wanted) throw away(label, labelGone(label));
    const usable = nodes.filter(
      ({ Spec, Status }) => Spec.Availability === 'active' && Status.State === 'ready',
    );
    const [only] = usable;
    const runs = usable.find(({ ID }) => ID === runsOn.get(label));
    if (runs && wanted && wanted.ID !== runs.ID) throw runsElsewhere(label, runs, wanted);
    const node = wanted ?? runs ?? (only && usable.length === 1 ? only : await choose(label, usable));
    placed.push({ label, node, kept: false });
  }
  return placed;
}

export async function setLabels(swarm: Swarm, placed: readonly PlacedLabel[]): Promise<void> {
  for (const { label, node, kept } of placed) if (!kept) await swarm.labelNode(node.ID, label);
}

function away(label: string, { message, next }: NodeAway): UserError {
  const volume = label.replace(/^[^.]*\./, '').replace(/=.*/, '');
  return new UserError({
    code: 'DATA_NODE_AWAY',
    message: `nothing was deployed: the service of the volume ${volume} cannot run: ${message}`,
    hint: next,
    details: { label },
  });
}

function nodeCalled(nodes: readonly SwarmNode[], named: string): SwarmNode {
  const found = nodes.filter(({ ID, Description }) => ID === named || Description.Hostname === named);
  const [node] = found;
  if (node && found.length === 1) return node;
  const known = nodes.map(({ ID, Description }) => `${Description.Hostname} (${ID})`).join(', ');
  throw new UserError({
    code: 'NODE_UNKNOWN',
    message: node
      ? `several nodes of the Swarm are called ${named}: ${known}`
      : `the Swarm has no node called ${named}: ${known}`,
    hint: 'docker node ls      (an ID tells them apart)',
    exitCode: ExitCode.usage,
  });
}

/** The error of `choose` when nobody can be asked. */
export function nodeUndecided(label: string, nodes: readonly SwarmNode[]): UserError {
  const names = nodes.map(({ Description }) => Description.Hostname);
  return new UserError({
    code: 'NODE_UNDECIDED',
    message: `no node of the Swarm has the label ${label}, and ${names.length} could have the data: ${names.join(', ') || 'none is ready'}`,
    hint: `invctl deploy swarm --node ${names[0] ?? 'NODE'}      (the volume is made there, and stays there)`,
    exitCode: ExitCode.confirmationNeeded,
    details: { nodes: names },
  });
}

function twice(label: string, key: string, holders: readonly SwarmNode[]): UserError {
  const names = holders.map(({ Description }) => Description.Hostname);
  return new UserError({
    code: 'LABEL_TWICE',
    message: `${names.length} nodes have the label ${label} (${names.join(', ')}), and each would have a volume of its own: the database could start on the one without the data`,
    hint: `docker node update --label-rm ${key} NODE      (of the one without the data)`,
  });
}

function runsElsewhere(label: string, runs: SwarmNode, wanted: SwarmNode): UserError {
  const { Hostname: now } = runs.Description;
  const { Hostname: then } = wanted.Description;
  return new UserError({
    code: 'NODE_HAS_NO_DATA',
    message: `the service runs on ${now}, which has its data: on ${then} it would start empty`,
    hint: `invctl deploy swarm      (on ${now}; to move: docker node update --label-add ${label} ${then}, deploy again, and restore a backup there)`,
  });
}

function otherNode(label: string, key: string, holder: SwarmNode, wanted: SwarmNode): UserError {
  const { Hostname: now } = holder.Description;
  const { Hostname: then } = wanted.Description;
  return new UserError({
    code: 'NODE_HAS_NO_DATA',
    message: `${now} has the label ${label}, and with it the data: on ${then} the service would start empty`,
    hint: `invctl deploy swarm      (on ${now}; to move: restore a backup there, after docker node update --label-rm ${key} ${now})`,
  });
}
