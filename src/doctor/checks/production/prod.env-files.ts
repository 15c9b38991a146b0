import { defineCheck, type Finding } from '../../check.js';
import { envFiles } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { judgeWhereItRuns } from '../../judge-deployed.js';

export const check = defineCheck({
  id: 'prod.env-files',
  chapter: 'production',
  title: 'settings of this environment in a file of its own',
  severity: 'fail',
  needs: ['config'],
  why: 'Two installations that share a file of settings share its mistakes, and its secrets.',
  docs: `Checklist item 2. Each environment has its own settings: a \`.env\` that was made on that machine, or a \`.env.production\` that \`env_file\` names, which says which environment it is (\`ENVIRONMENT=production\`). \`invctl init --environment production\` makes one for a scaffold. Of what is deployed, the variables of its services are judged.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => stagesInFiles(facts),
      ({ services, place, redeploy }) => {
        const stages = services.flatMap(({ environment }) =>
          Object.entries(environment).flatMap(([name, value]) => (STAGE.test(name) ? [value] : [])),
        );
        if (stages.some((value) => /^prod/i.test(value))) return [];
        const file = envFiles(facts).find((one) => one.services.length > 0);
        const finding: Finding = {
          message: `nothing says that ${place} is for production`,
          next: file
            ? `set ENVIRONMENT=production in ${facts.shown(file.file)}, then: ${redeploy}      (or, for an environment of its own: invctl init --environment production)`
            : `set ENVIRONMENT: production under environment of a service, then: ${redeploy}`,
          ...(file ? { file: file.file } : {}),
        };
        return [finding];
      },
    ),
});

const STAGE = /^(ENVIRONMENT|NODE_ENV|APP_ENV|RAILS_ENV|FLASK_ENV)$/;

function stagesInFiles(facts: Facts): Finding[] | { unknown: string } {
  const files = envFiles(facts).filter(({ services }) => services.length > 0);
  if (files.length === 0) return { unknown: 'no env_file: settings come from elsewhere' };
  const stages = Object.values(facts.project.services).flatMap(({ name, environment }) =>
    Object.entries(environment).flatMap(([variable, value]) =>
      STAGE.test(variable) ? [{ name, variable, value }] : [],
    ),
  );
  if (stages.some(({ value }) => /^prod/i.test(value ?? ''))) return [];
  return files.map(({ file, services }) => ({
    message: `nothing says that ${facts.shown(file)} is for production`,
    next: `set ENVIRONMENT=production in ${facts.shown(file)}      (or, for an environment of its own: invctl init --environment production)`,
    service: services[0] as string,
    file,
  }));
}
