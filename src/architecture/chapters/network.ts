import type { Chapter } from '../chapter.js';
import { diagram } from '../chapter.js';
import { code, paragraphs, sentence, table } from '../markdown.js';
import type { Stack } from '../stack.js';
import { machineAddress } from '../views/nodes.js';

export const network: Chapter = {
  name: 'network',
  heading: 'Network',
  body(stack) {
    const { networks, services, references } = stack;
    const onHost = services.filter(({ networkMode }) => networkMode === 'host');
    return paragraphs(
      `Within a network, a service is reached by its name and its own port. ${code('localhost')} in a container is that container itself.`,
      diagram(stack, 'network'),
      table(
        ['Network', 'Name on the engine', 'Services', 'Way out to the internet'],
        networks.map(({ key, name, services: members, internal, external }) => [
          code(key),
          `${code(name)}${external ? ', made elsewhere' : ''}`,
          sentence(members.map(code)),
          internal ? 'none, and none in' : 'yes',
        ]),
      ),
      table(
        ['Service', 'Other services reach it at', 'Shares a network with'],
        services.length <= MOST_ROWS
          ? services.map((service) => [
              code(service.name),
              service.networkMode
                ? ''
                : code(`${service.name}${service.listens ? `:${service.listens}` : ''}`),
              neighbours(stack, service.name),
            ])
          : [],
      ),
      onHost.length > 0 &&
        `${sentence(onHost.map(({ name }) => code(name)))} ${onHost.length === 1 ? 'is' : 'are'} in the machine's own network: ${code('localhost')} there is the machine, and ${code('ports')} means nothing.`,
      references.length > 0 &&
        paragraphs(
          'Who looks for whom:',
          table(
            ['Service', 'Variable', 'Host', 'That is'],
            references.map(({ service, variable, host, target }) => [
              code(service),
              code(variable),
              code(host),
              target === undefined ? 'outside of the project' : `the service ${code(target)}`,
            ]),
          ),
        ),
      portsText(stack),
    );
  },
};

const MOST_ROWS = 20;

function neighbours({ services, networks }: Stack, name: string): string {
  const own = networks.filter(({ services: members }) => members.includes(name));
  const others = services
    .map((service) => service.name)
    .filter((other) => other !== name && own.some(({ services: members }) => members.includes(other)));
  return others.length > 0 ? others.map(code).join(', ') : 'nobody';
}

function portsText({ services }: Stack): string {
  const rows = services.flatMap((service) =>
    service.networkMode === 'host'
      ? []
      : service.ports.map((port) => [
          code(machineAddress(port)),
          code(service.name),
          code(`${port.target}${port.protocol === 'tcp' ? '' : `/${port.protocol}`}`),
          /^(127\.|::1)/.test(port.host ?? '') ? 'this machine only' : 'whoever reaches this machine',
        ]),
  );
  if (rows.length === 0) return 'No port is published: nothing is reached from outside of the networks.';
  const [first] = services.flatMap(({ ports }) => ports.filter(({ published }) => published !== undefined));
  return paragraphs(
    'Published ports:',
    table(['On the machine', 'Service', 'Port in the container', 'Reached by'], rows),
    first &&
      `The left number of ${code(`${first.published}:${first.target}`)} is the machine's and may be changed freely; the right one is where the program listens.`,
  );
}
