import { relative } from 'node:path';
import type { Context } from '../../cli/context.js';
import type { Loss } from '../../export/source.js';
import type { Zod } from '../../output/shapes.js';

/** What an orchestrator does not take as the compose file has it, in a JSON document. */
export const lossShape = (z: Zod) =>
  z.object({
    kind: z.enum(['lost', 'changed']),
    key: z.string().describe('services.api.security_opt'),
    message: z.string(),
    file: z.string(),
    line: z.int(),
  });

/** Each as a warning of one line, what is lost first. */
export function warnOf(context: Context, losses: readonly Loss[]): void {
  for (const kind of ['lost', 'changed'] as const) {
    for (const { key, message, file, line } of losses.filter((loss) => loss.kind === kind)) {
      context.warn(`${shownPath(file)}:${line} ${key} is ${kind}: ${message}`);
    }
  }
}

/** As a person would type it from where they are. */
export function shownPath(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside === '' || inside.startsWith('..') ? path : inside;
}

/** One word of a command line of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
