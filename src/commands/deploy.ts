import { group } from '../cli/command.js';

export default group({
  summary: 'hand the project to an orchestrator, and wait until it runs there',
  examples: ['invctl deploy swarm --dry-run', 'invctl deploy swarm', 'invctl deploy k8s --context staging'],
  commands: {
    swarm: () => import('./deploy/swarm.js'),
    k8s: () => import('./deploy/k8s.js'),
  },
});
