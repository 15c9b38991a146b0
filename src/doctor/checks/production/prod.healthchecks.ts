import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type Finding } from '../../check.js';
import { dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { deployedFindings, judgeWhereItRuns } from '../../judge-deployed.js';
import { longRunning } from '../../long-running.js';
import { placeOf } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';
import { imageOf } from '../../users.js';

export const check = defineCheck({
  id: 'prod.healthchecks',
  chapter: 'production',
  title: 'a health check on every service',
  severity: 'fail',
  needs: ['config'],
  why: 'Without one, an engine takes a service that hangs for one that works.',
  docs: `Checklist item 6. \`healthcheck:\` of the service, or \`HEALTHCHECK\` of its image. Of an image that is not on this machine nobody knows whether it brings one. Of what is deployed, a Swarm service has such a check, a container of Kubernetes a readiness or liveness probe: Kubernetes does not read an image's \`HEALTHCHECK\`, \`invctl deploy k8s\` makes probes of it.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => uncheckedInFiles(facts),
      (deployed, inFiles) => {
        const findings = deployedFindings(deployed, inFiles, ({ healthcheck }) =>
          healthcheck === false ? 'runs without a health check' : undefined,
        );
        const unseen = deployed.services.filter(
          ({ healthcheck, oneShot }) => healthcheck === undefined && !oneShot,
        );
        if (findings.length > 0 || unseen.length === 0) return findings;
        const names = unseen.map(({ name }) => name).join(', ');
        return { unknown: `not judged: the image of ${names} is on another node` };
      },
    ),
});

async function uncheckedInFiles(facts: Facts): Promise<Finding[] | { unknown: string }> {
  const findings: Finding[] = [];
  const unseen: string[] = [];
  for (const name of longRunning(facts)) {
    const service = facts.project.services[name] as ComposeService;
    if (service.healthcheck?.test && !service.healthcheck.disabled) continue;
    const inDockerfile = dockerfileOf(service)?.lastStage.some(
      ({ keyword, text }) => keyword === 'HEALTHCHECK' && !/^NONE/i.test(text),
    );
    const image = await imageOf(facts, service);
    const inImage = image?.Config.Healthcheck?.Test?.[0];
    if (!service.healthcheck?.disabled && (inDockerfile || (inImage && inImage !== 'NONE'))) continue;
    if (!service.healthcheck?.disabled && !image && !dockerfileOf(service) && !isOfficialPostgres(service)) {
      unseen.push(name);
      continue;
    }
    findings.push({
      message: `"${name}" has no health check`,
      next: `a healthcheck in ${name}, or HEALTHCHECK in its Dockerfile`,
      service: name,
      ...placeOf(facts.reading, 'services', name),
    });
  }
  if (findings.length === 0 && unseen.length > 0) {
    return { unknown: `the image of ${unseen.join(', ')} is not on this machine` };
  }
  return findings;
}
