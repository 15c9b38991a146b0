import { defineCheck } from '../../check.js';
import { engineFinding } from '../../engine-findings.js';

export const check = defineCheck({
  id: 'engine.denied',
  chapter: 'before-all',
  title: 'you do not have permission to use the Docker engine',
  severity: 'fail',
  needs: ['host'],
  blocksUp: 'ENGINE_DENIED',
  why: 'The engine runs, but its socket is closed to this user.',
  docs: `The socket belongs to root and the group \`docker\`. \`ls -l /var/run/docker.sock\` and \`id\` show both. \`sudo usermod -aG docker "$USER"\`, then log in again; members of that group are as mighty as root.`,
  probe: (facts) => engineFinding(facts, 'ENGINE_DENIED'),
});
