import type { Graph, GraphNode, NodeKind } from './graph.js';
import { columnsOf } from './text-width.js';

const STYLES: Record<NodeKind, { shape: string; fill: string; line: string }> = {
  machine: { shape: 'oval', fill: '#e1f5ff', line: '#0277bd' },
  service: { shape: 'box', fill: '#e8f5e9', line: '#2e7d32' },
  database: { shape: 'cylinder', fill: '#ffebee', line: '#c62828' },
  volume: { shape: 'cylinder', fill: '#f3e5f5', line: '#6a1b9a' },
  folder: { shape: 'folder', fill: '#eceff1', line: '#455a64' },
  file: { shape: 'note', fill: '#eceff1', line: '#455a64' },
  secret: { shape: 'hexagon', fill: '#fff3e0', line: '#e65100' },
  outside: { shape: 'oval', fill: '#ffffff', line: '#616161' },
  image: { shape: 'box3d', fill: '#fff9e1', line: '#f9a825' },
};
/**
 * Inches per column of text in 11 points, with some space: Graphviz's own estimate is too small for non-Latin
 * letters.
 */
const INCHES_A_COLUMN = 0.095;
const MARGIN_INCHES = 0.5;

/** Returns a graph in Graphviz's language: https://graphviz.org/doc/info/lang.html */
export function toDot(graph: Graph): string {
  const ids = new Map(graph.nodes.map(({ id }, index) => [id, `n${index + 1}`]));
  const line = (node: GraphNode) => {
    const { shape, fill, line: color } = STYLES[node.kind];
    const widest = Math.max(...[node.label, ...node.details].map(columnsOf));
    const width = (widest * INCHES_A_COLUMN + MARGIN_INCHES).toFixed(2);
    const label = quoted([node.label, ...node.details]);
    return `${ids.get(node.id)} [label=${label}, shape=${shape}, fillcolor="${fill}", color="${color}", width=${width}]`;
  };
  return [
    `digraph ${quoted([graph.title])} {`,
    `  rankdir=${graph.view === 'start' ? 'TB' : 'LR'}`,
    '  graph [fontname="Helvetica", fontsize=11, bgcolor="white", nodesep=0.3, ranksep=0.7]',
    '  node [fontname="Helvetica", fontsize=11, style=filled, fontcolor="#1a1a1a"]',
    '  edge [fontname="Helvetica", fontsize=10, color="#616161", fontcolor="#424242"]',
    ...graph.groups.flatMap(({ id, label }, index) => [
      `  subgraph cluster_${index + 1} {`,
      `    label=${quoted([label])}`,
      '    color="#9e9e9e"',
      ...graph.nodes.filter(({ group }) => group === id).map((node) => `    ${line(node)}`),
      '  }',
    ]),
    ...graph.nodes.filter(({ group }) => group === undefined).map((node) => `  ${line(node)}`),
    ...graph.edges.map(({ from, to, label, weak }) => {
      const attributes = [
        ...(label === undefined ? [] : [`label=${quoted([` ${label} `])}`]),
        ...(weak ? ['style=dashed'] : []),
      ];
      return `  ${ids.get(from)} -> ${ids.get(to)}${attributes.length > 0 ? ` [${attributes.join(', ')}]` : ''}`;
    }),
    '}',
  ].join('\n');
}

/**
 * Returns lines as a quoted string. Graphviz reads a backslash as the beginning of an escape, and `&` as that
 * of an entity.
 */
function quoted(lines: readonly string[]): string {
  const escaped = lines.map((text) =>
    text.replace(/\s+/g, ' ').replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"'),
  );
  return `"${escaped.join('\\n')}"`;
}
