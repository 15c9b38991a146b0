import type { Chapter } from '../chapter.js';
import { code, fence, paragraphs } from '../markdown.js';
import { mermaidText } from '../mermaid.js';
import type { Stack, StackService } from '../stack.js';
import { urlsOf } from '../told.js';
import { startStages } from '../views/start.js';

/** More participants than this do not fit side by side. */
const MOST_PARTICIPANTS = 7;

export const flow: Chapter = {
  name: 'flow',
  heading: 'From the files to an answer',
  body: (stack) =>
    paragraphs(
      `What happens between ${code('invctl up')} (or ${code('docker compose up --build --wait')}) and the first answer:`,
      fence('mermaid', sequence(stack)),
    ),
};

/** A participant of the diagram: a service, or a whole stage if there are many. */
interface Actor {
  id: string;
  title: string;
  services: StackService[];
}

function sequence(stack: Stack): string {
  const actors = actorsOf(stack);
  const actorOf = (name: string) =>
    actors.find(({ services }) => services.some((service) => service.name === name));
  const built = stack.services.filter(({ build }) => build);
  const lines = [
    'sequenceDiagram',
    '  autonumber',
    '  participant you as You',
    '  participant compose as Compose',
    ...(built.length > 0 ? ['  participant builder as Builder'] : []),
    ...actors.map(({ id, title }) => `  participant ${id} as ${message(title)}`),
    '  you->>compose: up',
    `  Note over compose: ${message(`reads ${stack.composeFiles.join(', ')}`)}`,
    ...builds(built),
    ...made(stack).map((text) => `  compose->>compose: ${message(text)}`),
    ...actors.flatMap((actor) => started(actor)),
  ];
  const told = new Set<string>();
  for (const { service, target, variable } of stack.references) {
    const [from, to] = [actorOf(service), target === undefined ? undefined : actorOf(target)];
    const key = `${from?.id} ${to?.id}`;
    if (!from || !to || from === to || told.has(key)) continue;
    told.add(key);
    lines.push(`  ${from.id}->>${to.id}: ${message(`connects to ${target} (${variable})`)}`);
  }
  const urls = stack.services.flatMap(urlsOf).filter((url) => url.startsWith('http'));
  const [url] = urls;
  const more = urls.length > 1 ? ` and ${urls.length - 1} more` : '';
  lines.push(`  compose-->>you: ${message(url ? `ready at ${url}${more}` : 'ready')}`);
  return lines.join('\n');
}

function actorsOf(stack: Stack): Actor[] {
  const stages = startStages(stack);
  const inOrder = stages.flat();
  if (inOrder.length <= MOST_PARTICIPANTS) {
    return inOrder.map((service, index) => ({
      id: `s${index + 1}`,
      title: service.name,
      services: [service],
    }));
  }
  return stages.map((services, index) => ({
    id: `s${index + 1}`,
    title: `stage ${index + 1}: ${services.length === 1 ? services[0]?.name : `${services.length} services`}`,
    services,
  }));
}

function builds(built: readonly StackService[]): string[] {
  if (built.length > MOST_PARTICIPANTS) {
    return [
      `  compose->>builder: ${message(`build ${built.length} images`)}`,
      '  builder-->>compose: images',
    ];
  }
  return built.flatMap(({ name, image, build }) => [
    `  compose->>builder: ${message(`build ${image ?? name} from ${build?.dockerfile ?? build?.context ?? ''}`)}`,
    '  builder-->>compose: image, cached steps reused',
  ]);
}

function made({ networks, volumes }: Stack): string[] {
  const own = networks.filter(({ external }) => !external).map(({ key }) => key);
  const kept = volumes.filter(({ external }) => !external).map(({ key }) => key);
  return [
    ...(own.length > 0 ? [`network ${few(own)}`] : []),
    ...(kept.length > 0 ? [`volume ${few(kept)}, if not there yet`] : []),
  ];
}

function few(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ');
}

function started({ id, services }: Actor): string[] {
  const [service] = services as [StackService];
  if (services.length > 1) return [`  compose->>${id}: start, and wait for what others need`];
  const volumes = service.mounts.flatMap(({ type, source }) => (type === 'volume' && source ? [source] : []));
  const secrets = service.secrets.map(({ name }) => name);
  const given = [
    ...(volumes.length > 0 ? [`volume ${few(volumes)}`] : []),
    ...(secrets.length > 0 ? [`secret ${few(secrets)}`] : []),
    ...(service.variables.length > 0 ? [`${service.variables.length} variables`] : []),
  ];
  const lines = [
    `  compose->>${id}: ${message(given.length > 0 ? `start with ${given.join(', ')}` : 'start')}`,
  ];
  if (service.oneShot) lines.push(`  ${id}-->>compose: has done its work`);
  if (service.health) {
    lines.push('  loop until healthy', `    compose->>${id}: ${message(service.health.test)}`, '  end');
  }
  return lines;
}

const LONGEST_MESSAGE = 70;

/** Returns a text for a sequence diagram, in which `;` ends a line and the word `end` ends a block. */
function message(text: string): string {
  const short = text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE - 1)}…` : text;
  return mermaidText(short).replace(/\bend\b/gi, (word) => `#${word.codePointAt(0)};${word.slice(1)}`);
}
