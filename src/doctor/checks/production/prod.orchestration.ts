import { defineCheck } from '../../check.js';
import { serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.orchestration',
  chapter: 'production',
  title: 'an orchestrator, where one machine is not enough',
  severity: 'fail',
  needs: ['config'],
  why: 'When the one machine is gone, so is the service.',
  docs: `Checklist item 10. \`invctl export swarm\` and \`invctl export k8s\` write the project for one; \`invctl deploy swarm\` and \`invctl deploy k8s\` hand it over, wait, and go back where it fails. What is deployed there is not judged here: with \`--dry-run\` they say where it differs from these files, which every other check has judged. One machine with a restart policy is a choice as well: what runs this project cannot be seen from its files.`,
  probe(facts) {
    const deployed = Object.keys(facts.project.services).some((name) => {
      const { deploy } = serviceKeys(facts.reading, name);
      return (
        deploy?.placement ||
        deploy?.update_config ||
        deploy?.endpoint_mode ||
        Number(deploy?.replicas ?? 1) > 1
      );
    });
    return deployed
      ? []
      : {
          unknown:
            'what runs this project in production cannot be seen from its files: invctl deploy swarm --dry-run (or k8s) compares the two',
        };
  },
});
