import { deployedTable } from '../output/service-table.js';
import type { Style } from '../output/style.js';
import type { DeployedServices } from '../services/deployed-services.js';

/** The text about a project that an orchestrator runs: where, its services, and what is wrong. */
export function deployedLines(
  project: string,
  { place, services, problems }: DeployedServices,
  style: Style,
): string[] {
  return [
    `${project} is deployed in ${place}`,
    ...(services.length > 0 ? [deployedTable(services, style)] : []),
    ...problems.map((problem) => style.yellow(problem)),
  ];
}

/** `data.deployed` of `ps` and `status`. */
export function placeOf({ orchestrator, place, problems }: DeployedServices) {
  return { orchestrator, place, problems };
}
