import { ExitCode, UserError } from '../errors.js';
import type { Position } from './tree.js';

/** A project that Compose refuses, with the place of the mistake: exit code 4. */
export function invalidProject(
  code: string,
  message: string,
  at: Position | undefined,
  hint?: string,
): UserError {
  return new UserError({
    code,
    message,
    exitCode: ExitCode.projectInvalid,
    ...(at ? { file: at.file, line: at.line } : {}),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The known name that is nearest to a mistyped one, where one is near enough to be meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, remove, replace or swap with their neighbour to get from one word to the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(
        Math.min(
          substituted,
          (row[j] as number) + 1,
          (next[j - 1] as number) + 1,
          swapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return row[b.length] as number;
}
