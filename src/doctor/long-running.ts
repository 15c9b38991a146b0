import type { Facts } from './facts.js';

/** Services that are meant to keep running: no other service waits for their end. */
export function longRunning({ project }: Facts): string[] {
  const services = Object.values(project.services);
  const oneShots = new Set(
    services.flatMap(({ dependsOn }) =>
      Object.entries(dependsOn).flatMap(([name, { condition }]) =>
        condition === 'service_completed_successfully' ? [name] : [],
      ),
    ),
  );
  return services.map(({ name }) => name).filter((name) => !oneShots.has(name));
}
