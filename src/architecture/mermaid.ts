import type { Graph, GraphNode, NodeKind } from './graph.js';

/** Opening and closing brackets of a node's shape. */
const SHAPES: Record<NodeKind, readonly [open: string, close: string]> = {
  machine: ['([', '])'],
  service: ['[', ']'],
  database: ['[(', ')]'],
  volume: ['[(', ')]'],
  folder: ['[/', '/]'],
  file: ['[/', '/]'],
  secret: ['{{', '}}'],
  outside: ['((', '))'],
  image: ['[[', ']]'],
};

/** Dark text on a light fill: readable on a light page and on a dark one. */
const COLORS: Record<NodeKind, readonly [fill: string, stroke: string]> = {
  machine: ['#e1f5ff', '#0277bd'],
  service: ['#e8f5e9', '#2e7d32'],
  database: ['#ffebee', '#c62828'],
  volume: ['#f3e5f5', '#6a1b9a'],
  folder: ['#eceff1', '#455a64'],
  file: ['#eceff1', '#455a64'],
  secret: ['#fff3e0', '#e65100'],
  outside: ['#ffffff', '#616161'],
  image: ['#fff9e1', '#f9a825'],
};

const DIRECTIONS: Record<Graph['view'], 'LR' | 'TB'> = {
  services: 'LR',
  env: 'LR',
  secrets: 'LR',
  network: 'LR',
  start: 'TB',
};

/**
 * Returns a graph as a Mermaid flowchart. Nodes have ids of our own (`n1`), so that no name is a keyword of
 * Mermaid. Labels are quoted, and their special characters are written as entities:
 * https://mermaid.js.org/syntax/flowchart.html#special-characters-that-break-syntax
 */
export function toMermaid(graph: Graph): string {
  const ids = new Map(graph.nodes.map(({ id }, index) => [id, `n${index + 1}`]));
  const line = (node: GraphNode) => {
    const [open, close] = SHAPES[node.kind];
    return `${ids.get(node.id)}${open}${quoted([node.label, ...node.details])}${close}:::${node.kind}`;
  };
  const kinds = [...new Set(graph.nodes.map(({ kind }) => kind))].sort();
  return [
    `flowchart ${DIRECTIONS[graph.view]}`,
    ...graph.groups.flatMap(({ id, label }, index) => [
      `  subgraph g${index + 1}[${quoted([label])}]`,
      ...graph.nodes.filter(({ group }) => group === id).map((node) => `    ${line(node)}`),
      '  end',
    ]),
    ...graph.nodes.filter(({ group }) => group === undefined).map((node) => `  ${line(node)}`),
    ...graph.edges.map(({ from, to, label, weak }) => {
      const arrow = weak ? '-.->' : '-->';
      return `  ${ids.get(from)} ${arrow}${label === undefined ? '' : `|${quoted([label])}|`} ${ids.get(to)}`;
    }),
    ...kinds.map((kind) => {
      const [fill, stroke] = COLORS[kind];
      return `  classDef ${kind} fill:${fill},stroke:${stroke},color:#1a1a1a`;
    }),
  ].join('\n');
}

/** Returns a label of one or more lines, in quotes; Mermaid refuses empty ones. */
export function quoted(lines: readonly string[]): string {
  return `"${lines.map(mermaidText).join('<br/>') || ' '}"`;
}

/**
 * Returns a text of one line without anything that Mermaid interprets: quotes, tags, entities or Markdown.
 */
export function mermaidText(text: string): string {
  return (
    text
      .replace(/\s+/g, ' ')
      .replace(/[#&<>"`\\;]/g, entity)
      // Labels may contain Markdown's lists, headings and emphasis.
      .replace(/^([-+*]|\d+[.)])(?=\s)/, (mark) => mark.slice(0, -1) + entity(mark.slice(-1)))
      .replace(/[*~]/g, entity)
      .replace(/__/g, () => `${entity('_')}${entity('_')}`)
  );
}

function entity(character: string): string {
  return `#${character.codePointAt(0)};`;
}
