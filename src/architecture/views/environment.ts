import { type Graph, GraphBuilder, someOf } from '../graph.js';
import type { Stack, StackSource } from '../stack.js';
import { serviceNode } from './nodes.js';

/** Shows how many variables each file gives to each service, and how many of them override another file. */
export function environmentGraph(stack: Stack): Graph {
  const builder = new GraphBuilder();
  const file = (path: string, perMachine: boolean) =>
    builder.node({
      id: `file:${path}`,
      kind: 'file',
      label: path,
      details: perMachine ? ["each machine's own"] : [],
    });
  for (const service of stack.services) {
    if (service.variables.length === 0) continue;
    const own = serviceNode(builder, stack, service.name);
    const given = new Map<string, { perMachine: boolean; wins: string[]; loses: string[] }>();
    const note = ({ file: path, perMachine }: StackSource, kind: 'wins' | 'loses', name: string) => {
      const known = given.get(path) ?? { perMachine, wins: [], loses: [] };
      known[kind].push(name);
      given.set(path, known);
    };
    for (const { name, source, shadows } of service.variables) {
      note(source, 'wins', name);
      for (const lost of shadows) if (lost.file !== source.file) note(lost, 'loses', name);
    }
    for (const [path, { perMachine, wins, loses }] of given) {
      const from = file(path, perMachine);
      if (wins.length > 0) builder.edge(from, own, someOf(wins, 3));
      if (loses.length > 0) builder.edge(from, own, `overridden: ${someOf(loses, 3)}`, true);
    }
  }
  for (const { file: path, services, read } of stack.envFiles) {
    if (services.length > 0) continue;
    const first = stack.composeFiles[0] as string;
    builder.edge(file(path, read === 'example'), file(first, false), 'values for ${…}');
  }
  return builder.build('env', 'environment');
}
