import { defineCheck } from '../../check.js';
import { containerEnvironment, recreate, VALUE_FAULTS } from '../../container-environment.js';

export const check = defineCheck({
  id: 'env.invisible',
  chapter: 'environment',
  title: 'a variable of the files is absent in the container',
  severity: 'fail',
  needs: ['config', 'docker'],
  requires: [...VALUE_FAULTS],
  why: 'A container keeps the environment that it was made with: what was added later is not there.',
  docs: `\`invctl exec api -- printenv\` shows what the container sees. A variable that was added after the container was made arrives when the container is recreated: \`invctl up\` does that for each service whose configuration changed; \`restart\` does not.`,
  async probe(facts) {
    const services = await containerEnvironment(facts);
    return services.flatMap(({ service, absent }) =>
      absent.length === 0
        ? []
        : [
            {
              message: `${absent.map(({ name }) => name).join(', ')} of "${service}" ${absent.length === 1 ? 'is' : 'are'} in the files, but not in its container`,
              next: `invctl up ${service}`,
              service,
              ...absent[0]?.place,
              mend: async () => [recreate(facts, service)],
            },
          ],
    );
  },
  fix: { safety: 'ask' },
});
