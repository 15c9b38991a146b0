import type { Graph, GraphEdge, GraphNode } from './graph.js';
import { columnsOf, cutTo, wrapTo } from './text-width.js';

/** Colours of a terminal; without colours, each is the identity. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
}

/** A piece of a line and its colour. */
interface Piece {
  text: string;
  paint?: keyof Paint;
}

const LEAST_COLUMNS = 40;
const MOST_COLUMNS = 120;

/**
 * Draws a graph with the line characters of a terminal: as boxes if it has groups, otherwise as a tree from
 * the nodes without incoming edges.
 */
export function drawGraph(graph: Graph, columns: number, paint: Paint): string {
  const width = Math.max(LEAST_COLUMNS, Math.min(columns, MOST_COLUMNS));
  if (graph.nodes.length === 0) return `nothing to draw: the project has no ${graph.title}`;
  const lines = graph.groups.length > 0 ? boxes(graph, width) : tree(graph, width);
  return lines.map((pieces) => painted(pieces, width, paint)).join('\n');
}

function painted(pieces: readonly Piece[], width: number, paint: Paint): string {
  let room = width;
  let line = '';
  for (const { text, paint: how } of pieces) {
    if (room <= 0) break;
    const cut = cutTo(text, room);
    room -= columnsOf(cut);
    line += how ? paint[how](cut) : cut;
  }
  return line.trimEnd();
}

/** Draws every node once with the nodes below it; at later places only its name, as a reference. */
function tree(graph: Graph, width: number): Piece[][] {
  const lines: Piece[][] = [];
  const shown = new Set<string>();
  const below = (id: string) => graph.edges.filter(({ from }) => from === id);
  const nodeOf = (id: string) => graph.nodes.find((node) => node.id === id) as GraphNode;

  const draw = (id: string, lead: string, indent: string) => {
    const node = nodeOf(id);
    const again = shown.has(id) && below(id).length > 0;
    shown.add(id);
    lines.push(...nodeLines(node, lead, indent, width, again));
    if (again) return;
    const edges = below(id);
    for (const [index, edge] of edges.entries()) {
      const last = index === edges.length - 1;
      const branch = `${indent}${last ? '└' : '├'}`;
      const next = `${indent}${last ? '   ' : '│  '}`;
      const whole = `${branch}${arrow(edge)}`;
      if (columnsOf(whole) + columnsOf(nodeOf(edge.to).label) <= width) draw(edge.to, whole, next);
      else {
        const [first = '', ...rest] = wrapTo(edge.label ?? '', width - columnsOf(next));
        lines.push([{ text: `${branch}${edge.weak ? '╌' : '─'} ${first}` }]);
        lines.push(...rest.map((text): Piece[] => [{ text: `${next}${text}` }]));
        draw(edge.to, `${next}─▶ `, next);
      }
    }
  };
  const roots = graph.nodes.filter(({ id }) => !graph.edges.some(({ to }) => to === id));
  for (const { id } of roots) draw(id, '', '');
  // The remaining nodes are in cycles.
  for (const { id } of graph.nodes) if (!shown.has(id)) draw(id, '', '');
  return lines;
}

function arrow({ label, weak }: GraphEdge): string {
  const line = weak ? '╌' : '─';
  return label === undefined ? `${line}${line}▶ ` : `${line} ${label} ${line}▶ `;
}

function nodeLines(node: GraphNode, lead: string, indent: string, width: number, again: boolean): Piece[][] {
  const head: Piece[] = [{ text: lead }, { text: node.label, paint: 'bold' }];
  if (again) return [[...head, { text: '  (above)', paint: 'dim' }]];
  const details = detailsOf(node);
  if (details === '') return [head];
  const used = columnsOf(lead) + columnsOf(node.label) + 2;
  if (used + columnsOf(details) <= width) return [[...head, { text: `  ${details}`, paint: 'dim' }]];
  return [
    head,
    ...wrapTo(details, width - columnsOf(indent) - 3).map((text): Piece[] => [
      { text: `${indent}   ` },
      { text, paint: 'dim' },
    ]),
  ];
}

/** The members of a node are printed as one list, whatever lines a picture has them in. */
function detailsOf({ details, members }: GraphNode): string {
  return details.join(members ? ', ' : '  ').replace(/, (?=and \d+ more$)/, ' ');
}

/** Draws a box for each group, with its nodes and the targets of their edges. */
function boxes(graph: Graph, width: number): Piece[][] {
  const inner = width - 4;
  const backwards = graph.view === 'start';
  const contents = [...graph.groups, undefined].flatMap((group) => {
    const nodes = graph.nodes.filter((node) => node.group === group?.id);
    const lines = nodes.flatMap((node) => boxedNode(graph, node, inner, backwards));
    return nodes.length > 0 ? [{ title: group?.label ?? 'elsewhere', lines }] : [];
  });
  const widest = Math.max(
    ...contents.flatMap(({ title, lines }) => [columnsOf(title) + 2, ...lines.map(lengthOf)]),
  );
  const size = Math.min(inner, widest);
  return contents.flatMap(({ title, lines }, index): Piece[][] => [
    ...(index === 0 ? [] : backwards ? connector(size) : []),
    [
      { text: '┌─ ' },
      { text: title, paint: 'bold' },
      { text: ` ${'─'.repeat(Math.max(0, size - columnsOf(title) - 1))}┐` },
    ],
    ...lines.map((pieces) => boxedLine(pieces, size)),
    [{ text: `└${'─'.repeat(size + 2)}┘` }],
  ]);
}

function connector(size: number): Piece[][] {
  const middle = ' '.repeat(Math.floor((size + 4) / 2));
  return [[{ text: `${middle}│` }], [{ text: `${middle}▼` }]];
}

function boxedLine(pieces: readonly Piece[], size: number): Piece[] {
  const cut: Piece[] = [];
  let room = size;
  for (const piece of pieces) {
    const text = cutTo(piece.text, Math.max(0, room));
    if (room <= 0) break;
    room -= columnsOf(text);
    cut.push({ ...piece, text });
  }
  return [{ text: '│ ' }, ...cut, { text: `${' '.repeat(Math.max(0, room))} │` }];
}

function boxedNode(graph: Graph, node: GraphNode, inner: number, backwards: boolean): Piece[][] {
  const label = (id: string) => graph.nodes.find((one) => one.id === id)?.label ?? id;
  const edges = graph.edges.filter(({ from, to }) => (backwards ? to : from) === node.id);
  const details = detailsOf(node);
  const fits = columnsOf(node.label) + 2 + columnsOf(details) <= inner;
  return [
    [
      { text: node.label, paint: 'bold' },
      ...(fits && details !== '' ? [{ text: `  ${details}`, paint: 'dim' as const }] : []),
    ],
    ...(fits ? [] : wrapTo(details, inner - 2).map((text): Piece[] => [{ text: `  ${text}`, paint: 'dim' }])),
    ...edges.map(({ from, to, label: text }): Piece[] => [
      { text: backwards ? '  ◀── ' : '  ──▶ ' },
      { text: label(backwards ? from : to) },
      ...(text === undefined ? [] : [{ text: `  ${text}`, paint: 'dim' as const }]),
    ]),
  ];
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { text }) => sum + columnsOf(text), 0);
}
