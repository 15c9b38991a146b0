import type { Finding } from './check.js';
import type { Facts } from './facts.js';

/**
 * The finding for an engine that failed with one of these errors. A missing Docker is not a fault when Docker
 * was not asked for and the project never ran on it: the embedded engine needs none.
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
