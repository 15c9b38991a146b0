import { foldGraph } from '../fold.js';
import type { Graph, View } from '../graph.js';
import type { Stack } from '../stack.js';
import { environmentGraph } from './environment.js';
import { networkGraph } from './network.js';
import { secretsGraph } from './secrets.js';
import { servicesGraph } from './services.js';
import { startGraph } from './start.js';

const VIEW_GRAPHS: Record<View, (stack: Stack) => Graph> = {
  services: servicesGraph,
  env: environmentGraph,
  secrets: secretsGraph,
  network: networkGraph,
  start: startGraph,
};

/** Returns one complete view of a stack. */
export function viewGraph(stack: Stack, view: View): Graph {
  return VIEW_GRAPHS[view](stack);
}

/** Returns one view of a stack, folded until it is readable as a picture. */
export function readableGraph(stack: Stack, view: View): Graph {
  return foldGraph(viewGraph(stack, view));
}
