import { relative } from 'node:path';
import type { Context } from '../../cli/context.js';
import type { Loss } from '../../export/source.js';
import type { Zod } from '../../output/shapes.js';

/** What an orchestrator does not support of the compose file, in a JSON document. */
export const lossShape = (z: Zod) =>
  z.object({
    kind: z.enum(['lost', 'changed']),
    key: z.string().describe('services.api.security_opt'),
    message: z.string(),
    file: z.string(),
    line: z.int(),
  });

/** Warns of each loss on one line, real losses first. */
export function warnOf(context: Context, losses: readonly Loss[]): void {
  for (const kind of ['lost', 'changed'] as const) {
    for (const { key, message, file, line } of losses.filter((loss) => loss.kind === kind)) {
      context.warn(`${shownPath(file)}:${line} ${key} is ${kind}: ${message}`);
    }
  }
}

/** The path relative to the working directory. */
export function shownPath(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside === '' || inside.startsWith('..') ? path : inside;
}
