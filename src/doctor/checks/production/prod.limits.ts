import { setKey } from '../../../project/compose-text.js';
import { defineCheck, type Finding, type FixStep } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { deployedFindings, judgeWhereItRuns } from '../../judge-deployed.js';
import { longRunning } from '../../long-running.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.limits',
  chapter: 'production',
  title: 'a memory limit on every service',
  severity: 'fail',
  needs: ['config'],
  why: 'One service that leaks takes the machine down, and the database with it.',
  docs: `Checklist item 3. \`deploy.resources.limits.memory\` (or \`mem_limit\`), and \`cpus\` where one service may starve another. Of what is deployed, the limit that the orchestrator has is judged, and whether a replica was killed for its use of memory, or evicted from a node that ran out of it.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => unlimitedInFiles(facts),
      (deployed, inFiles) => [
        ...deployedFindings(deployed, inFiles, ({ memoryLimit }) =>
          memoryLimit ? undefined : 'runs without a memory limit',
        ),
        ...deployed.services.flatMap(({ name, killed }): Finding[] =>
          killed === undefined
            ? []
            : [
                {
                  message: `"${name}" was killed in ${deployed.place}, as happens where it needs more memory than it may have (${killed})`,
                  next: `raise deploy.resources.limits.memory of ${name}, then: ${deployed.redeploy}`,
                  service: name,
                  ...placeOf(facts.reading, 'services', name, 'deploy', 'resources', 'limits', 'memory'),
                },
              ],
        ),
      ],
    ),
  // A limit that is too low kills the service.
  fix: { safety: 'ask' },
});

function limitMemory(facts: Facts, service: string): Promise<FixStep[]> {
  return editService(
    facts,
    service,
    `limit the memory of ${service} to ${LIMIT}`,
    (text, path) =>
      setKey(text, [...path, 'deploy', 'resources', 'limits'], 'memory', LIMIT) ??
      setKey(text, [...path, 'deploy', 'resources'], 'limits', `{ memory: ${LIMIT} }`) ??
      setKey(text, [...path, 'deploy'], 'resources', `{ limits: { memory: ${LIMIT} } }`) ??
      setKey(text, path, 'deploy', `{ resources: { limits: { memory: ${LIMIT} } } }`),
  );
}

const LIMIT = '512m';

function unlimitedInFiles(facts: Facts): Finding[] {
  return longRunning(facts)
    .filter((name) => {
      const keys = serviceKeys(facts.reading, name);
      return !keys.deploy?.resources?.limits?.memory && !keys.mem_limit;
    })
    .map((name) => ({
      message: `"${name}" has no memory limit`,
      next: `deploy: {resources: {limits: {memory: ${LIMIT}}}} in ${name}`,
      service: name,
      ...placeOf(facts.reading, 'services', name),
      mend: () => limitMemory(facts, name),
    }));
}
