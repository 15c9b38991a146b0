import { defineCheck } from '../../check.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'app.oom',
  chapter: 'runtime',
  title: 'a service was killed for its memory',
  severity: 'fail',
  needs: ['config', 'docker'],
  why: 'It used more than its limit, and the kernel ended it; it will again.',
  docs: `Exit code 137 and \`OOMKilled\`. \`docker stats\` shows what the others use. Raise \`deploy.resources.limits.memory\` (or \`mem_limit\`), or let the program use less: for Node \`NODE_OPTIONS=--max-old-space-size\`, for PostgreSQL \`work_mem\` and \`shared_buffers\`.`,
  async probe(facts) {
    const containers = await Promise.all(
      Object.keys(facts.project.services).map(async (service) => ({
        service,
        container: (await facts.containersOf(service))[0],
      })),
    );
    return containers.flatMap(({ service, container }) => {
      // When the container runs again, the flag may be old.
      if (!container?.State.OOMKilled || container.State.Status === 'running') return [];
      const limit = container.HostConfig.Memory;
      return [
        {
          message: `"${service}" was killed: it used more memory than ${limit ? `its limit of ${Math.round(limit / 1024 / 1024)} MiB` : 'the machine has'}`,
          next: `raise deploy.resources.limits.memory of ${service}`,
          service,
          ...placeOf(facts.reading, 'services', service, 'deploy', 'resources', 'limits'),
        },
      ];
    });
  },
});
