import { findFreePort } from '../../../system/ports.js';
import { defineCheck } from '../../check.js';
import { movePort } from '../../fix/move-port.js';
import { wantedPorts } from '../../published-ports.js';

export const check = defineCheck({
  id: 'port.container',
  chapter: 'ports',
  title: 'another container holds a port',
  severity: 'fail',
  needs: ['config', 'docker'],
  blocksUp: 'PORT_IN_USE',
  why: 'Two containers cannot publish the same port: the service does not start (port is already allocated).',
  docs: `\`docker ps --filter publish=5003\` names the container. Stop it, or publish another port of this machine.`,
  async probe(facts) {
    const findings = (await wantedPorts(facts)).map(async (wanted) => {
      const { service, host, port, place, holder } = wanted;
      if (holder.kind !== 'container') return [];
      const { instance, project } = holder;
      const free = await findFreePort(host, port);
      return [
        {
          message: `port ${port} of "${service}" is held by the container ${instance}${project ? ` of the project "${project}"` : ''}`,
          next: `docker stop ${instance}      (or publish another: ${port} → ${free}, which is free)`,
          service,
          ...place,
          details: { port, freePort: free, container: instance },
          mend: () => movePort(facts, wanted),
        },
      ];
    });
    return (await Promise.all(findings)).flat();
  },
  fix: { safety: 'ask' },
});
