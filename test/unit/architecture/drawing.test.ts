import { describe, expect, it } from 'vitest';
import { toDot } from '../../../src/architecture/dot.js';
import { drawGraph } from '../../../src/architecture/drawing.js';
import { foldGraph, MOST_NODES } from '../../../src/architecture/fold.js';
import type { Graph } from '../../../src/architecture/graph.js';
import { toMermaid } from '../../../src/architecture/mermaid.js';
import { columnsOf, cutTo } from '../../../src/architecture/text-width.js';

const NO_PAINT = { bold: (text: string) => text, dim: (text: string) => text };

function graph(fields: Partial<Graph>): Graph {
  return { view: 'services', title: 'services', nodes: [], edges: [], groups: [], ...fields };
}

const node = (id: string, label = id, group?: string) => ({
  id,
  label,
  kind: 'service' as const,
  details: [],
  ...(group ? { group } : {}),
});

describe('a graph in a terminal', () => {
  it('is a tree from where things begin; what comes again points back', () => {
    const drawn = graph({
      nodes: ['web', 'api', 'db', 'job', 'disk'].map((id) => node(id)),
      edges: [
        { from: 'web', to: 'api', label: 'once healthy' },
        { from: 'web', to: 'db' },
        { from: 'api', to: 'db', weak: true },
        { from: 'job', to: 'db' },
        { from: 'db', to: 'disk' },
      ],
    });
    expect(drawGraph(drawn, 80, NO_PAINT)).toBe(
      [
        'web',
        '├─ once healthy ─▶ api',
        '│  └╌╌▶ db',
        '│     └──▶ disk',
        '└──▶ db  (above)',
        'job',
        '└──▶ db  (above)',
      ].join('\n'),
    );
  });

  it('is boxes where it has groups, closed at the right', () => {
    const drawn = graph({
      view: 'start',
      nodes: [node('db', 'db', 'a'), node('漢字', '漢字', 'b')],
      edges: [{ from: 'db', to: '漢字', label: 'once healthy' }],
      groups: [
        { id: 'a', label: 'stage 1' },
        { id: 'b', label: 'stage 2' },
      ],
    });
    const lines = drawGraph(drawn, 80, NO_PAINT).split('\n');
    const boxed = lines.filter((line) => /^[┌│└]/.test(line));
    expect(new Set(boxed.map(columnsOf)).size).toBe(1);
    expect(lines.join('\n')).toContain('◀── db  once healthy');
  });

  it('draws a circle once', () => {
    const circle = graph({
      nodes: [node('a'), node('b')],
      edges: [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'a' },
      ],
    });
    expect(drawGraph(circle, 80, NO_PAINT)).toBe('a\n└──▶ b\n   └──▶ a  (above)');
  });

  it('puts a long label on lines of its own and cuts nothing that fits', () => {
    const label = Array.from({ length: 20 }, (_, index) => `VARIABLE_${index}`).join(', ');
    const wide = graph({ nodes: [node('a'), node('b')], edges: [{ from: 'a', to: 'b', label }] });
    const lines = drawGraph(wide, 60, NO_PAINT).split('\n');
    expect(Math.max(...lines.map(columnsOf))).toBeLessThanOrEqual(60);
    expect(lines.join(' ')).toContain('VARIABLE_19');
  });

  it('counts columns of wide and combining characters', () => {
    expect([columnsOf('漢字'), columnsOf('e\u0301'), columnsOf('ab')]).toEqual([4, 1, 2]);
    expect(cutTo('漢字漢字', 5)).toBe('漢字…');
  });
});

describe('a graph as text of another language', () => {
  const hostile = graph({
    nodes: [node('end', 'a "b" [c] <d> #35; & `e`', 'graph')],
    groups: [{ id: 'graph', label: 'end' }],
  });

  it('has ids of its own and labels in which Mermaid reads nothing', () => {
    expect(toMermaid(hostile)).toContain(
      'n1["a #34;b#34; [c] #60;d#62; #35;35#59; #38; #96;e#96;"]:::service',
    );
    expect(toMermaid(hostile)).toContain('subgraph g1["end"]');
  });

  it('has strings in which Graphviz reads nothing', () => {
    expect(toDot(hostile)).toContain('n1 [label="a \\"b\\" [c] <d> #35; &amp; `e`"');
  });
});

describe('a graph of many nodes', () => {
  it('stays as it is while it can be read', () => {
    const small = graph({ nodes: [node('a'), node('b')], edges: [{ from: 'a', to: 'b' }] });
    expect(foldGraph(small)).toBe(small);
  });

  it('puts those together that are alike, and names them', () => {
    const workers = Array.from({ length: 60 }, (_, index) => node(`w${index}`));
    const folded = foldGraph(
      graph({
        nodes: [...workers, node('db'), node('odd')],
        edges: [...workers.map(({ id }) => ({ from: id, to: 'db' })), { from: 'odd', to: 'w1' }],
      }),
    );
    expect(folded.nodes.map(({ label }) => label)).toEqual(['59 services', 'w1', 'db', 'odd']);
    expect(folded.nodes[0]?.details).toEqual(['w0, w2, w3', 'w4, w5, w6', 'w7, w8, w9', 'and 50 more']);
    expect(folded.edges).toHaveLength(3);
  });

  it('never has more than a reader can follow', () => {
    const nodes = Array.from({ length: 60 }, (_, index) => node(`s${index}`, `s${index}`, `g${index % 7}`));
    const edges = nodes.flatMap(({ id }, index) =>
      [1, 3, 8].flatMap((step) => (index >= step ? [{ from: `s${index - step}`, to: id }] : [])),
    );
    const groups = [0, 1, 2, 3, 4, 5, 6].map((index) => ({ id: `g${index}`, label: `g${index}` }));
    const folded = foldGraph(graph({ nodes, edges, groups }));
    expect(folded.nodes.length).toBeLessThanOrEqual(MOST_NODES);
    expect(folded.nodes.flatMap(({ members, label }) => members ?? [label]).sort()).toEqual(
      nodes.map(({ label }) => label).sort(),
    );
  });
});
