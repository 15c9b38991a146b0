import { setKey } from '../../../project/compose-text.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { deployedFindings, judgeWhereItRuns } from '../../judge-deployed.js';
import { longRunning } from '../../long-running.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.restart',
  chapter: 'production',
  title: 'a restart policy on every service',
  severity: 'fail',
  needs: ['config'],
  why: 'After a crash, or a reboot of the machine, nobody starts it again.',
  docs: `Checklist item 4. \`restart: unless-stopped\` (or \`always\`); in Swarm \`deploy.restart_policy\`. Services that do one thing and end need none. Of what is deployed, the policy that the orchestrator has is judged.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => withoutRestart(facts),
      (deployed, inFiles) =>
        deployedFindings(deployed, inFiles, ({ restarts }) =>
          restarts ? undefined : 'is not started again when it ends',
        ),
    ),
  fix: { safety: 'safe' },
});

function withoutRestart(facts: Facts): Finding[] {
  return longRunning(facts)
    .filter((name) => {
      const { deploy } = serviceKeys(facts.reading, name);
      const policy = facts.project.services[name]?.restart;
      return (policy === undefined || policy === 'no') && !deploy?.restart_policy;
    })
    .map((name) => ({
      message: `"${name}" has no restart policy`,
      next: `restart: unless-stopped in ${name}`,
      service: name,
      ...placeOf(facts.reading, 'services', name),
      // `no` was written on purpose.
      ...(facts.project.services[name]?.restart === undefined
        ? {
            mend: () =>
              editService(facts, name, `start ${name} again after a crash`, (text, path) =>
                setKey(text, path, 'restart', 'unless-stopped'),
              ),
          }
        : {}),
    }));
}
