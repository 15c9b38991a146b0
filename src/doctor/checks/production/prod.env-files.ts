import { defineCheck } from '../../check.js';
import { envFiles } from '../../env-files.js';

export const check = defineCheck({
  id: 'prod.env-files',
  chapter: 'production',
  title: 'settings of this environment in a file of its own',
  severity: 'fail',
  needs: ['config'],
  why: 'Two installations that share a file of settings share its mistakes, and its secrets.',
  docs: `Checklist item 2. Each environment has its own settings: a \`.env\` that was made on that machine, or a \`.env.production\` that \`env_file\` names, which says which environment it is (\`ENVIRONMENT=production\`).`,
  probe(facts) {
    const files = envFiles(facts).filter(({ services }) => services.length > 0);
    if (files.length === 0) return { unknown: 'no env_file: settings come from elsewhere' };
    const stages = Object.values(facts.project.services).flatMap(({ name, environment }) =>
      Object.entries(environment).flatMap(([variable, value]) =>
        /^(ENVIRONMENT|NODE_ENV|APP_ENV|RAILS_ENV|FLASK_ENV)$/.test(variable)
          ? [{ name, variable, value }]
          : [],
      ),
    );
    if (stages.some(({ value }) => /^prod/i.test(value ?? ''))) return [];
    return files.map(({ file, services }) => ({
      message: `nothing says that ${facts.shown(file)} is for production`,
      next: `set ENVIRONMENT=production in ${facts.shown(file)}`,
      service: services[0] as string,
      file,
    }));
  },
});
