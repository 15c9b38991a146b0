import type { ProjectLocation } from '../project/locate.js';

/** Says which environment, and which machine, a table is of; nothing where none was chosen. */
export function environmentLine({ name, environment, host }: ProjectLocation): string[] {
  const machine = host?.remote?.address.url;
  if (!environment) return machine === undefined ? [] : [`project ${name} on ${machine}`];
  const more = [
    `project ${name}`,
    ...(environment.context === undefined ? [] : [`docker context ${environment.context}`]),
    ...(machine === undefined ? [] : [`on ${machine}`]),
    ...(environment.protected ? ['protected'] : []),
  ];
  return [`environment ${environment.name} (${more.join(', ')})`];
}
