import type { ProjectLocation } from '../project/locate.js';

/** The line that names the environment and the machine of a table; none for a plain project on this machine. */
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
