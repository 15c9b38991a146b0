import { type Graph, GraphBuilder } from '../graph.js';
import type { Stack, StackSecret } from '../stack.js';
import { serviceNode } from './nodes.js';

/** Shows the source of each secret, which services get it, and what in the service reads it. */
export function secretsGraph(stack: Stack): Graph {
  const builder = new GraphBuilder();
  for (const secret of stack.secrets) {
    const source = builder.node({ id: `source:${sourceOf(secret)}`, kind: 'file', label: sourceOf(secret) });
    const own = builder.node({
      id: `secret:${secret.name}`,
      kind: 'secret',
      label: secret.name,
      details: ['secret'],
    });
    builder.edge(source, own);
    for (const { service, target, variables } of secret.grants) {
      const reader = variables.length > 0 ? `${target} (${variables.join(', ')})` : target;
      builder.edge(own, serviceNode(builder, stack, service), reader);
    }
  }
  return builder.build('secrets', 'secrets');
}

/** Returns the source of a secret: a file, a variable or a place outside of the project. */
export function sourceOf({ file, environment, external, name }: StackSecret): string {
  if (file !== undefined) return file;
  if (environment !== undefined) return `variable ${environment}`;
  return external ? `${name}, kept by the engine` : 'elsewhere';
}
