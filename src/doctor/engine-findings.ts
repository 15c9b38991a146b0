import type { Finding } from './check.js';
import type { Facts } from './facts.js';

/**
 * The finding for an engine that did not answer with this error. Where nobody asked for Docker and the project never
 * ran on it, its absence is no fault: the embedded engine does without.
 */
export async function engineFinding(facts: Facts, ...codes: readonly string[]): Promise<Finding[]> {
  const engine = await facts.engine();
  if (engine.kind !== 'none' || !codes.includes(engine.error.code)) return [];
  return [
    {
      message: engine.error.message.split('\n')[0] as string,
      next: engine.error.hint ?? 'docker version',
      ...(engine.expected ? {} : { severity: 'info' as const }),
    },
  ];
}
