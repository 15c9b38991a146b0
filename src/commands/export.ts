import { group } from '../cli/command.js';

export default group({
  summary: 'the project as files for an orchestrator',
  examples: ['invctl export swarm', 'invctl export k8s --ingress shop.example.com'],
  commands: {
    swarm: () => import('./export/swarm.js'),
    k8s: () => import('./export/k8s.js'),
  },
});
