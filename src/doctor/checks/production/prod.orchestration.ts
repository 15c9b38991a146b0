import { defineCheck, type Finding } from '../../check.js';
import type { Deployed, DeployedService } from '../../deployed.js';
import type { Facts } from '../../facts.js';
import { judgeWhereItRuns } from '../../judge-deployed.js';
import { longRunning } from '../../long-running.js';
import { serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.orchestration',
  chapter: 'production',
  title: 'an orchestrator, where one machine is not enough',
  severity: 'fail',
  needs: ['config'],
  why: 'When the one machine is gone, so is the service.',
  docs: `Checklist item 10. \`invctl export swarm\` and \`invctl export k8s\` write the project for one; \`invctl deploy swarm\` and \`invctl deploy k8s\` hand it over, wait, and go back where it fails. What is deployed is judged by what runs: every service is there with all its replicas, its last update succeeded, and its image is named by its content, so that a node that fetches it tomorrow gets the same. One machine with a restart policy is a choice as well: what runs this project cannot be seen from its files.`,
  async probe(facts) {
    const deployed = await facts.deployed();
    if (deployed && 'unread' in deployed && deployed.unread.code === 'NOT_DEPLOYED') {
      const { message, hint } = deployed.unread;
      return [{ message, ...(hint === undefined ? {} : { next: hint }) }];
    }
    return judgeWhereItRuns(
      facts,
      () => orchestrationOfFiles(facts),
      (deployed) => [
        ...absent(facts, deployed),
        ...deployed.services.flatMap((one) => problemsOf(deployed, one)),
      ],
    );
  },
});

function absent(facts: Facts, { services, place, redeploy, database }: Deployed): Finding[] {
  const there = new Set(services.map(({ name }) => name));
  const databases = new Set(facts.databases.map(({ name }) => name));
  return longRunning(facts)
    .filter((name) => !there.has(name) && !(databases.has(name) && database.kind !== 'service'))
    .map((name) => ({ message: `"${name}" is not in ${place}`, next: redeploy, service: name }));
}

function problemsOf({ orchestrator, place, redeploy, look }: Deployed, service: DeployedService): Finding[] {
  const { name, object, oneShot, wanted, ready, waits, pinned, image } = service;
  const { updateProblem } = service;
  const why = waits?.message ?? updateProblem;
  const findings: Finding[] = [];
  if (!oneShot && ready < wanted) {
    findings.push({
      message: `${ready} of ${wanted} replicas of "${name}" run in ${place}${why ? `: ${why}` : ''}`,
      next:
        waits?.next ??
        `${redeploy}      (it says why; or: ${look} ${orchestrator === 'k8s' ? object.toLowerCase() : object})`,
      service: name,
    });
  } else if (updateProblem) {
    findings.push({ message: `"${name}" in ${place}: ${updateProblem}`, next: redeploy, service: name });
  }
  if (!pinned) {
    findings.push({
      message: `the image of "${name}" in ${place} is named by a tag, ${image}: tomorrow it may be another one`,
      next:
        orchestrator === 'swarm'
          ? redeploy
          : `digest: sha256:… of it under images in k8s/overlays/production/kustomization.yaml, then: ${redeploy}      (docker buildx imagetools inspect ${image})`,
      service: name,
      severity: 'warn',
    });
  }
  return findings;
}

function orchestrationOfFiles(facts: Facts): Finding[] | { unknown: string } {
  const deployed = Object.keys(facts.project.services).some((name) => {
    const { deploy } = serviceKeys(facts.reading, name);
    return (
      deploy?.placement || deploy?.update_config || deploy?.endpoint_mode || Number(deploy?.replicas ?? 1) > 1
    );
  });
  return deployed
    ? []
    : {
        unknown:
          'it is not deployed from here, and what runs it in production cannot be seen from its files; to hand it to an orchestrator: invctl deploy swarm (or: invctl deploy k8s; deployed to a cluster by another machine: invctl deploy k8s --context NAME --remember)',
      };
}
