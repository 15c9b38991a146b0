import { mapAt } from '../../../project/tree.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';

export const check = defineCheck({
  id: 'orphans',
  chapter: 'host',
  title: 'containers of services that the file no longer has',
  severity: 'warn',
  needs: ['config', 'docker'],
  why: 'They keep running, hold ports and names, and no command of the project touches them.',
  docs: `A service was renamed or removed while its container existed. \`docker compose up --remove-orphans\` and \`invctl down\` remove such containers; volumes stay.`,
  async probe(facts) {
    return (await orphans(facts)).map(({ id, name, service, state }) => ({
      message: `the container ${name} belongs to the service "${service}", which the project no longer has (${state})`,
      next: `docker rm --force ${name}      (its volumes stay)`,
      ...(service ? { service } : {}),
      mend: async () => [
        {
          summary: `docker rm --force ${name}      (its volumes stay)`,
          async apply() {
            await facts.processes.run('docker', ['container', 'rm', '--force', id], { signal: facts.signal });
          },
        },
      ],
    }));
  },
  fix: { safety: 'ask' },
});

async function orphans(facts: Facts) {
  const services = mapAt(facts.reading.loaded?.tree, 'services')?.entries;
  return (await facts.docker.listed()).filter(
    ({ project, service, oneOff }) =>
      project === facts.location.name && !oneOff && service !== undefined && !services?.has(service),
  );
}
