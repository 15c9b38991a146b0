import type { Graph, GraphEdge, GraphNode } from './graph.js';

/** A graph with more nodes is not readable as a picture. */
export const MOST_NODES = 24;
/** Number of bands of distance in the last step of folding. */
const BANDS = 4;
/** With more edges per node than this, too many lines cross. */
const MOST_EDGES_A_NODE = 2;

/**
 * Returns a readable graph: similar nodes (same kind, group and neighbours) become one node, which names
 * them. If that is not enough, nodes of one kind, group and distance from the start are joined, in ever wider
 * bands. A small graph stays as it is.
 */
export function foldGraph(graph: Graph): Graph {
  if (isReadable(graph)) return graph;
  const ranks = ranksOf(graph);
  const last = Math.max(1, ...ranks.values());
  const band = (id: string) => Math.floor(((ranks.get(id) ?? 0) * BANDS) / (last + 1));
  const ways: ((node: GraphNode) => string)[] = [
    likeness(graph),
    ({ id, kind, group }) => `${kind}\n${group}\n${ranks.get(id)}`,
    ({ id, kind, group }) => `${kind}\n${group}\n${band(id)}`,
    ({ id, kind }) => `${kind}\n${band(id)}`,
  ];
  for (const way of ways) {
    const folded = foldBy(graph, way);
    if (isReadable(folded)) return folded;
  }
  return foldBy(graph, ({ kind }) => kind);
}

function isReadable({ nodes, edges }: Graph): boolean {
  return nodes.length <= MOST_NODES && edges.length <= Math.max(MOST_NODES, nodes.length * MOST_EDGES_A_NODE);
}

function likeness({ edges }: Graph): (node: GraphNode) => string {
  const around = new Map<string, string[]>();
  const note = (id: string, text: string) => around.set(id, [...(around.get(id) ?? []), text]);
  for (const { from, to, label = '' } of edges) {
    note(from, `> ${to} ${label}`);
    note(to, `< ${from} ${label}`);
  }
  return ({ id, kind, group }) => [kind, group ?? '', ...(around.get(id) ?? [id]).sort()].join('\n');
}

/** Longest path from a node without incoming edges. */
function ranksOf({ nodes, edges }: Pick<Graph, 'nodes' | 'edges'>): Map<string, number> {
  const ranks = new Map<string, number>();
  const incoming = new Map<string, string[]>();
  for (const { from, to } of edges) incoming.set(to, [...(incoming.get(to) ?? []), from]);
  const visit = (id: string, above: ReadonlySet<string>): number => {
    const known = ranks.get(id);
    if (known !== undefined) return known;
    const before = (incoming.get(id) ?? []).filter((from) => !above.has(from) && from !== id);
    const inner = new Set([...above, id]);
    const rank = Math.max(-1, ...before.map((from) => visit(from, inner))) + 1;
    ranks.set(id, rank);
    return rank;
  };
  for (const { id } of nodes) visit(id, new Set());
  return ranks;
}

function foldBy(graph: Graph, keyOf: (node: GraphNode) => string): Graph {
  const folds = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) folds.set(keyOf(node), [...(folds.get(keyOf(node)) ?? []), node]);
  const target = new Map<string, string>();
  const nodes = [...folds.values()].map((members) => {
    const node = members.length === 1 ? (members[0] as GraphNode) : foldedNode(members);
    for (const { id } of members) target.set(id, node.id);
    return node;
  });
  const edges = new Map<string, GraphEdge>();
  for (const edge of graph.edges) {
    const from = target.get(edge.from) ?? edge.from;
    const to = target.get(edge.to) ?? edge.to;
    const key = `${from}\n${to}`;
    const known = edges.get(key);
    if (from === to) continue;
    if (!known) edges.set(key, { ...edge, from, to });
    else if (known.label !== edge.label) {
      const { label: _, ...rest } = known;
      edges.set(key, rest);
    }
  }
  const used = new Set(nodes.map(({ group }) => group));
  const groups = graph.groups.filter(({ id }) => used.has(id));
  return { ...graph, nodes, edges: [...edges.values()], groups };
}

const PLURALS: Record<GraphNode['kind'], string> = {
  machine: 'ports',
  service: 'services',
  database: 'databases',
  volume: 'volumes',
  folder: 'folders',
  file: 'files',
  secret: 'secrets',
  outside: 'hosts',
  image: 'images',
};
const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Sorts `worker-2` before `worker-10`. */
function byNumberAndName(a: string, b: string): number {
  return COLLATOR.compare(a, b) || (a < b ? -1 : 1);
}

const NAMES_A_LINE = 3;
const MOST_NAMES = 9;

function foldedNode(members: readonly GraphNode[]): GraphNode {
  const [first] = members as [GraphNode];
  const names = members.flatMap(({ label, members: inner }) => inner ?? [label]).sort(byNumberAndName);
  const told = names.slice(0, MOST_NAMES);
  const lines: string[] = [];
  for (let at = 0; at < told.length; at += NAMES_A_LINE)
    lines.push(told.slice(at, at + NAMES_A_LINE).join(', '));
  if (names.length > MOST_NAMES) lines.push(`and ${names.length - MOST_NAMES} more`);
  return {
    id: `${first.id}+${members.length - 1}`,
    kind: first.kind,
    label: `${names.length} ${PLURALS[first.kind]}`,
    details: lines,
    members: names,
    ...(members.every(({ group }) => group === first.group) && first.group !== undefined
      ? { group: first.group }
      : {}),
  };
}
