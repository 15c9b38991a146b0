import { UserError, usageError } from '../errors.js';
import type { ComposeProject } from '../project/model.js';
import { nearest } from '../project/nearest.js';

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
