import type { View } from './graph.js';
import { fence } from './markdown.js';
import { toMermaid } from './mermaid.js';
import type { Stack } from './stack.js';
import { readableGraph } from './views/view-graph.js';

/** A part of the document that the user may move or remove. */
export interface Chapter {
  /** Name in its markers. */
  name: string;
  heading: string;
  /** Returns Markdown without the heading; empty if the project has nothing for this chapter. */
  body(stack: Stack, paths: Paths): string;
}

/** How the document refers to files of the project. */
export interface Paths {
  /** Returns a link relative to the document, or the name as code if the document is elsewhere. */
  link(path: string): string;
}

/** Returns one view of the stack as a diagram; empty if it has no edges. */
export function diagram(stack: Stack, view: View): string {
  const graph = readableGraph(stack, view);
  return graph.edges.length > 0 ? fence('mermaid', toMermaid(graph)) : '';
}
