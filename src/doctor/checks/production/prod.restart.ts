import { defineCheck } from '../../check.js';
import { longRunning } from '../../long-running.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.restart',
  chapter: 'production',
  title: 'a restart policy on every service',
  severity: 'fail',
  needs: ['config'],
  why: 'After a crash, or a reboot of the machine, nobody starts it again.',
  docs: `Checklist item 4. \`restart: unless-stopped\` (or \`always\`); in Swarm \`deploy.restart_policy\`. Services that do one thing and end need none.`,
  probe(facts) {
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
      }));
  },
});
