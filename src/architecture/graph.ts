/**
 * A picture of a stack independent of its format: the same nodes and edges for text, Mermaid, DOT and JSON.
 */
export interface Graph {
  view: View;
  title: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
  groups: GraphGroup[];
}

export const VIEWS = ['services', 'env', 'secrets', 'network', 'start'] as const;
export type View = (typeof VIEWS)[number];

export type NodeKind =
  | 'machine'
  | 'service'
  | 'database'
  | 'volume'
  | 'folder'
  | 'file'
  | 'secret'
  | 'outside'
  | 'image';

export interface GraphNode {
  id: string;
  kind: NodeKind;
  label: string;
  /** Further lines below the label. */
  details: string[];
  /** Group in which it is drawn. */
  group?: string;
  /** The nodes that this one replaces because there would be too many to draw. */
  members?: string[];
}

export interface GraphEdge {
  from: string;
  to: string;
  label?: string;
  /** Drawn with a dashed line. */
  weak?: true;
}

export interface GraphGroup {
  id: string;
  label: string;
}

/** Collects nodes and edges without duplicates. */
export class GraphBuilder {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #edges = new Map<string, { from: string; to: string; labels: Set<string>; weak: boolean }>();
  readonly #groups = new Map<string, GraphGroup>();

  node(node: Omit<GraphNode, 'details'> & { details?: string[] }): string {
    if (!this.#nodes.has(node.id)) this.#nodes.set(node.id, { ...node, details: node.details ?? [] });
    return node.id;
  }

  group(id: string, label: string): string {
    if (!this.#groups.has(id)) this.#groups.set(id, { id, label });
    return id;
  }

  /** A second edge of the same kind between the same nodes adds its label to the first. */
  edge(from: string, to: string, label?: string, weak = false): void {
    const key = `${from}\n${to}\n${weak}`;
    const known = this.#edges.get(key) ?? { from, to, labels: new Set(), weak };
    if (label !== undefined) known.labels.add(label);
    this.#edges.set(key, known);
  }

  build(view: View, title: string): Graph {
    const nodes = [...this.#nodes.values()];
    const used = new Set(nodes.map(({ group }) => group));
    return {
      view,
      title,
      nodes,
      edges: [...this.#edges.values()].map(({ from, to, labels, weak }) => ({
        from,
        to,
        ...(labels.size > 0 ? { label: [...labels].join(', ') } : {}),
        ...(weak ? { weak: true as const } : {}),
      })),
      groups: [...this.#groups.values()].filter(({ id }) => used.has(id)),
    };
  }
}

/** Returns names on one line: the first ones, and the number of further ones. */
export function someOf(names: readonly string[], most = 4): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
}
