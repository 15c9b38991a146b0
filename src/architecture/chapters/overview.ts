import type { Chapter } from '../chapter.js';
import { diagram } from '../chapter.js';
import { code, count, paragraphs, sentence, table } from '../markdown.js';
import type { Stack, StackService } from '../stack.js';
import { urlsOf, volumesOf } from '../told.js';

export const overview: Chapter = {
  name: 'overview',
  heading: 'Overview',
  body(stack, paths) {
    const { services, composeFiles } = stack;
    return paragraphs(
      [
        `${code(stack.name)} is a Compose project of ${count(services.length, 'service')}${services.length <= 6 ? `: ${sentence(inOrder(stack).map(described))}` : ''}.`,
        reached(stack),
        kept(stack),
        `All of it is declared in ${sentence(composeFiles.map((file) => paths.link(file)))}.`,
      ]
        .filter((text) => text !== '')
        .join(' '),
      !stack.named &&
        `No file names the project: it has the name of its folder, which ${code(stack.name)} stands for here.`,
      stack.open.length > 0 &&
        `${sentence(stack.open.map((name) => code(name)))} ${stack.open.length === 1 ? 'is' : 'are'} set on each machine, in its shell or its ${code('.env')}; here ${code(`\${${stack.open[0]}}`)} stands for the value.`,
      diagram(stack, 'services'),
      table(
        ['Service', 'What it is', 'Reached at', 'Needs', 'Keeps data in'],
        inOrder(stack).map((service) => [
          code(service.name),
          originText(service),
          urlsOf(service)
            .map((url) => (url.startsWith('http') ? `<${url}>` : code(url)))
            .join(', '),
          service.dependsOn.map((one) => code(one.service)).join(', '),
          volumesOf(service).map(code).join(', '),
        ]),
      ),
    );
  },
};

/**
 * Sorts services by interest to the reader: the app, others that are reachable from outside, the database,
 * the rest.
 */
function inOrder({ services, app, database }: Stack): StackService[] {
  const rank = ({ name, ports }: StackService) =>
    name === app ? 0 : name === database ? 2 : ports.length > 0 ? 1 : 3;
  return [...services].sort((a, b) => rank(a) - rank(b));
}

function described(service: StackService): string {
  return `${code(service.name)} (${originText(service)})`;
}

function originText(service: StackService): string {
  const { kind, image, build } = service;
  if (build) return build.context === '.' ? 'built from this folder' : `built from ${code(build.context)}`;
  return kind ? `${kind}, ${code(image ?? '')}` : code(image ?? 'no image');
}

function reached({ services }: Stack): string {
  const urls = services.flatMap(urlsOf).filter((url) => url.startsWith('http'));
  if (urls.length === 0) {
    return services.some(({ ports }) => ports.length > 0)
      ? ''
      : 'Nothing of it is reached from this machine.';
  }
  return `It answers at ${sentence(urls.slice(0, 4).map((url) => `<${url}>`))}.`;
}

function kept({ volumes, database }: Stack): string {
  const used = volumes.filter(({ uses }) => uses.length > 0);
  if (used.length === 0)
    return database ? 'No volume with a name keeps its data: after `invctl down` it begins empty.' : '';
  if (used.length > 6) return `Its data is in ${count(used.length, 'volume')}.`;
  return `Its data is in the volume${used.length === 1 ? '' : 's'} ${sentence(used.map(({ key }) => code(key)))}.`;
}
