import { defineCheck } from '../../check.js';
import { containerEnvironment, recreate, VALUE_FAULTS } from '../../container-environment.js';

export const check = defineCheck({
  id: 'env.stale',
  chapter: 'environment',
  title: 'a container is older than an edit of its environment',
  severity: 'fail',
  needs: ['config', 'docker'],
  requires: [...VALUE_FAULTS, 'env.invisible'],
  why: 'It runs with the values that the files had when it was made; the edit has no effect until the container is recreated.',
  docs: `\`invctl restart\` keeps the container, and with it the old values. \`invctl up\` recreates it where the configuration changed. Values that come from the shell differ between two terminals: those are information only.`,
  async probe(facts) {
    const services = await containerEnvironment(facts);
    return services.flatMap(({ service, changed }) =>
      changed.length === 0
        ? []
        : [
            {
              message: `${changed.map(({ name }) => name).join(', ')} of "${service}" ${changed.length === 1 ? 'was' : 'were'} changed in the files after its container was made`,
              ...(changed.every(({ fromShell }) => fromShell) ? { severity: 'info' as const } : {}),
              next: `invctl up ${service}`,
              service,
              ...changed[0]?.place,
              ...(changed.every(({ fromShell }) => fromShell)
                ? {}
                : { mend: async () => [recreate(facts, service)] }),
            },
          ],
    );
  },
  fix: { safety: 'ask' },
});
