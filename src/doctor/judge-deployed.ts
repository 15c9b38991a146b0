import type { UserError } from '../errors.js';
import type { Finding } from './check.js';
import type { Deployed, DeployedService } from './deployed.js';
import type { Facts } from './facts.js';

type Judged = readonly Finding[] | { unknown: string } | { skip: string };

/**
 * Judges the deployed project if there is one, otherwise the files: what is only in the files does not run.
 */
export async function judgeWhereItRuns(
  facts: Facts,
  ofFiles: () => Judged | Promise<Judged>,
  ofDeployed: (deployed: Deployed, inFiles: Judged) => Judged | Promise<Judged>,
): Promise<Judged> {
  const deployed = await facts.deployed();
  if (deployed === undefined) return ofFiles();
  if ('unread' in deployed) return { unknown: notJudged(deployed) };
  return ofDeployed(deployed, await ofFiles());
}

function notJudged({ unread, place }: { unread: UserError; place: string }): string {
  const hint = unread.hint ? `; ${unread.hint}` : '';
  return `not judged: ${place} cannot be read: ${unread.message.split('\n')[0]}${hint}`;
}

/**
 * A finding for each service that has a problem there. What to do: edit the files where they have the same
 * problem, and deploy them in any case.
 *
 * @param problemOf what follows the service's name in a sentence; undefined: none
 */
export function deployedFindings(
  { services, place, redeploy }: Deployed,
  inFiles: Judged,
  problemOf: (service: DeployedService) => string | undefined,
): Finding[] {
  return services.flatMap((service) => {
    const problem = service.oneShot ? undefined : problemOf(service);
    if (problem === undefined) return [];
    const written = Array.isArray(inFiles)
      ? (inFiles as readonly Finding[]).find((finding) => finding.service === service.name)
      : undefined;
    const at = written?.file === undefined ? {} : { file: written.file };
    return [
      {
        message: `"${service.name}" ${problem} in ${place}`,
        next: written?.next ? thenDeploy(written.next, redeploy) : redeploy,
        service: service.name,
        ...at,
        ...(written?.line === undefined ? {} : { line: written.line }),
      },
    ];
  });
}

/** A next step, and the deployment that makes it hold. */
export function thenDeploy(next: string, redeploy: string): string {
  return `${next}, then: ${redeploy}`;
}
