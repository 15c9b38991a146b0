import { toDot } from '../architecture/dot.js';
import type { Graph, View } from '../architecture/graph.js';
import { toMermaid } from '../architecture/mermaid.js';
import { readableGraph, viewGraph } from '../architecture/views/view-graph.js';
import { describeStack } from './architecture/describe.js';
import type { ServiceContext } from './context.js';

export interface StackPicture {
  project: string;
  /** The complete graph, for programs. */
  whole: Graph;
  /** The graph, folded when it is too large to read. */
  readable: Graph;
}

/**
 * One view of the project as nodes and edges.
 * @throws UserError with exit code 4 for a project that Compose refuses
 */
export async function stackPicture(context: ServiceContext, view: View): Promise<StackPicture> {
  const stack = await describeStack(context);
  return {
    project: stack.named ? stack.name : context.project().name,
    whole: viewGraph(stack, view),
    readable: readableGraph(stack, view),
  };
}

/** A graph as the text of a file. */
export async function drawnAs(graph: Graph, format: 'mermaid' | 'dot' | 'svg'): Promise<string> {
  if (format === 'mermaid') return toMermaid(graph);
  if (format === 'dot') return toDot(graph);
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz');
  return (await Graphviz.load()).layout(toDot(graph), 'svg', 'dot');
}
