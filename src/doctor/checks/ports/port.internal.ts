import { defineCheck } from '../../check.js';
import { wantedPorts } from '../../published-ports.js';

export const check = defineCheck({
  id: 'port.internal',
  chapter: 'ports',
  title: 'a port is published on an internal network only',
  severity: 'fail',
  why: 'An internal network has no way in from this machine: the published port is not reachable.',
  docs: `A service whose networks are all \`internal: true\` cannot publish a port. Attach it to a second network that is not internal, or remove \`ports\`.`,
  async probe(facts) {
    const { networks, services } = facts.project;
    return (await wantedPorts(facts)).flatMap(({ service, port, place }) => {
      const own = services[service]?.networks ?? [];
      if (own.length === 0 || !own.every((network) => networks[network]?.internal)) return [];
      return [
        {
          message: `"${service}" publishes ${port}, but is only in ${own.join(', ')}, which ${own.length === 1 ? 'is' : 'are'} internal`,
          next: `add a network that is not internal to ${service}, or remove its ports`,
          service,
          ...place,
        },
      ];
    });
  },
});
