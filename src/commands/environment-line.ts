import type { ProjectLocation } from '../project/locate.js';

/** Says which environment a table is of; nothing where none was chosen. */
export function environmentLine({ name, environment }: ProjectLocation): string[] {
  if (!environment) return [];
  const more = [
    `project ${name}`,
    ...(environment.context === undefined ? [] : [`docker context ${environment.context}`]),
    ...(environment.protected ? ['protected'] : []),
  ];
  return [`environment ${environment.name} (${more.join(', ')})`];
}
