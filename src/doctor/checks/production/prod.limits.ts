import { defineCheck } from '../../check.js';
import { longRunning } from '../../long-running.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.limits',
  chapter: 'production',
  title: 'a memory limit on every service',
  severity: 'fail',
  needs: ['config'],
  why: 'One service that leaks takes the machine down, and the database with it.',
  docs: `Checklist item 3. \`deploy.resources.limits.memory\` (or \`mem_limit\`), and \`cpus\` where one service may starve another.`,
  probe(facts) {
    return longRunning(facts)
      .filter((name) => {
        const keys = serviceKeys(facts.reading, name);
        return !keys.deploy?.resources?.limits?.memory && !keys.mem_limit;
      })
      .map((name) => ({
        message: `"${name}" has no memory limit`,
        next: `deploy: {resources: {limits: {memory: 512m}}} in ${name}`,
        service: name,
        ...placeOf(facts.reading, 'services', name),
      }));
  },
});
