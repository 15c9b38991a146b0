import { UserError, usageError } from '../errors.js';
import type { ComposeProject } from '../project/model.js';

/**
 * Checks that each name is a service of the project.
 * @throws UserError UNKNOWN_SERVICE (exit 2) that suggests the nearest name.
 */
export function assertServices(project: ComposeProject, names: readonly string[]): void {
  const known = Object.keys(project.services);
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const error = usageError(
      `there is no service "${name}" in the project "${project.name}"`,
      near ? `did you mean ${near}?  (services: ${known.join(', ')})` : `services: ${known.join(', ')}`,
    );
    throw new UserError({
      code: 'UNKNOWN_SERVICE',
      message: error.message,
      exitCode: error.exitCode,
      ...(error.hint ? { hint: error.hint } : {}),
      details: { services: known, ...(near ? { suggestion: near } : {}) },
    });
  }
}

/** The candidate with the fewest edits, if they are few for its length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const scored = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  if (!best || best.distance > Math.max(1, Math.floor(Math.max(word.length, best.candidate.length) / 2))) {
    return candidates.find((candidate) => candidate.startsWith(word) || word.startsWith(candidate));
  }
  return best.candidate;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] as number) + 1, (current[j - 1] as number) + 1, substitute));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
