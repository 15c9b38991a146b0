import type { View } from './graph.js';
import { fence } from './markdown.js';
import { toMermaid } from './mermaid.js';
import type { Stack } from './stack.js';
import { readableGraph } from './views/view-graph.js';

/** A part of the document that a person may move or remove. */
export interface Chapter {
  /** Name in its markers. */
  name: string;
  heading: string;
  /** Markdown without the heading; empty where the project has nothing to tell of. */
  body(stack: Stack, paths: Paths): string;
}

/** How the document names a file of the project. */
export interface Paths {
  /** A link from where the document is, or the name as code where it is elsewhere. */
  link(path: string): string;
}

/** One view of the stack as a diagram; empty where it has nothing to connect. */
export function diagram(stack: Stack, view: View): string {
  const graph = readableGraph(stack, view);
  return graph.edges.length > 0 ? fence('mermaid', toMermaid(graph)) : '';
}
