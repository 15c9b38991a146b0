import { type Graph, GraphBuilder } from '../graph.js';
import type { Stack, StackService } from '../stack.js';
import { conditionText, serviceNode } from './nodes.js';

/**
 * Shows the services in stages: each waits for a service of an earlier stage. Edges that others imply are
 * left out.
 */
export function startGraph(stack: Stack): Graph {
  const builder = new GraphBuilder();
  for (const [index, stage] of startStages(stack).entries()) {
    const group = builder.group(`stage:${index}`, `stage ${index + 1}`);
    for (const { name } of stage) serviceNode(builder, stack, name, group);
  }
  for (const service of stack.services) {
    for (const { service: other, condition } of service.dependsOn) {
      // A service of an inactive profile is not started.
      if (!stack.services.some(({ name }) => name === other)) continue;
      if (impliedByAnother(stack, service, other)) continue;
      builder.edge(`service:${other}`, `service:${service.name}`, conditionText(condition));
    }
  }
  return builder.build('start', 'start order');
}

/** Returns the services that can start together; those of a stage wait for one of the stage before. */
export function startStages({ services }: Stack): StackService[][] {
  const stages = new Map<string, number>();
  const stageOf = (name: string, above: readonly string[]): number => {
    const known = stages.get(name);
    if (known !== undefined) return known;
    const service = services.find((one) => one.name === name);
    const before = (service?.dependsOn ?? []).map((one) => one.service).filter((one) => !above.includes(one));
    const stage = Math.max(-1, ...before.map((one) => stageOf(one, [...above, name]))) + 1;
    stages.set(name, stage);
    return stage;
  };
  const found: StackService[][] = [];
  for (const service of services) {
    const stage = stageOf(service.name, []);
    found[stage] = [...(found[stage] ?? []), service];
  }
  return found.filter((stage) => stage !== undefined);
}

function impliedByAnother({ services }: Stack, service: StackService, wanted: string): boolean {
  const reaches = (name: string, seen: Set<string>): boolean => {
    if (seen.has(name)) return false;
    seen.add(name);
    const next = services.find((one) => one.name === name)?.dependsOn ?? [];
    return next.some((one) => one.service === wanted || reaches(one.service, seen));
  };
  return service.dependsOn.some((one) => one.service !== wanted && reaches(one.service, new Set()));
}
