import { defineCheck } from '../../check.js';
import { ciFiles } from '../../ci-files.js';

export const check = defineCheck({
  id: 'prod.ci',
  chapter: 'production',
  title: 'a pipeline builds and tests it',
  severity: 'fail',
  needs: ['files'],
  why: 'What was built by hand on one machine cannot be built again on another.',
  docs: `Checklist item 11. A workflow of GitHub, GitLab or another CI beside the project, or in the repository that it is in. Where there is none, it may live elsewhere: unknown. It is judged by the repository, whatever runs the project. \`invctl init --ci github\` writes one.`,
  probe(facts) {
    return ciFiles(facts).length > 0 ? [] : { unknown: NONE };
  },
});

const NONE =
  'no CI configuration here; it may live elsewhere. To have one: invctl init --ci github (or gitlab)';
