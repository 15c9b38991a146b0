import type { Chapter } from '../chapter.js';
import { code, fence, paragraphs, sentence, table } from '../markdown.js';
import { quoted } from '../mermaid.js';
import type { Stack } from '../stack.js';

export const data: Chapter = {
  name: 'data',
  heading: 'Data',
  body(stack) {
    const { volumes, services, database, name } = stack;
    const used = volumes.filter(({ uses }) => uses.length > 0);
    const [first] = used;
    const nameless = services.flatMap(({ name: service, mounts }) =>
      mounts.flatMap(({ type, source, target }) =>
        type === 'volume' && source === undefined ? [`${code(target)} of ${code(service)}`] : [],
      ),
    );
    return paragraphs(
      used.length > 0
        ? 'What is in a volume outlives its containers. What a program writes elsewhere goes with its container.'
        : `The project has no named volume: what its programs write is gone after ${code('invctl down')}.`,
      first && fence('mermaid', diagramOf(stack)),
      table(
        ['Volume', 'Name on the engine', 'Service', 'At', 'What is in it'],
        used.flatMap(({ key, name: full, external, uses }) =>
          uses.map(({ service, target, readOnly, holds }, index) => [
            index === 0 ? code(key) : '',
            index === 0 ? `${code(full)}${external ? ', made elsewhere' : ''}` : '',
            code(service),
            `${code(target)}${readOnly ? ', read-only' : ''}`,
            holds ?? '',
          ]),
        ),
      ),
      table(
        ['Folder or file of the machine', 'Service', 'At', 'The container may'],
        services.flatMap(({ name: service, mounts }) =>
          mounts.flatMap(({ type, source, target, readOnly }) =>
            type === 'bind' && source !== undefined
              ? [[code(source), code(service), code(target), readOnly ? 'read' : 'read and write']]
              : [],
          ),
        ),
      ),
      nameless.length > 0 && `Without a name, and so gone with the container: ${sentence(nameless)}.`,
      database &&
        !first &&
        `The database ${code(database)} has no volume with a name: after ${code('invctl down')} it begins empty.`,
      commands(first?.key, database, name),
    );
  },
};

const MOST_DRAWN = 12;

function diagramOf({ volumes }: Stack): string {
  const drawn = volumes.filter(({ uses }) => uses.length > 0).slice(0, MOST_DRAWN);
  return [
    'flowchart LR',
    ...drawn.flatMap(({ key, name, uses }, index) => [
      `  v${index + 1}[(${quoted([key, name])})]:::volume`,
      ...uses.map(
        ({ service, target, holds }, at) =>
          `  v${index + 1} --> u${index + 1}x${at + 1}[${quoted([target, `in ${service}`, ...(holds ? [holds] : [])])}]`,
      ),
    ]),
    '  classDef volume fill:#f3e5f5,stroke:#6a1b9a,color:#1a1a1a',
  ].join('\n');
}

function commands(volume: string | undefined, database: string | undefined, project: string): string {
  return table(
    ['To', 'Type'],
    [
      ...(volume
        ? [
            ['see the volumes and their sizes', code('invctl volume ls')],
            ['see where one is', code(`invctl volume inspect ${volume}`)],
            ['**delete** one that nothing uses', code(`invctl volume rm ${volume} --confirm ${project}`)],
          ]
        : []),
      ...(database
        ? [
            ['back up the database, proved by reading it back', code('invctl db backup')],
            ['list the backups', code('invctl db list')],
            ['restore one; the database before is kept', code('invctl db restore FILE')],
          ]
        : []),
      [
        volume ? 'remove the containers and keep the data' : 'remove the containers, and what they wrote',
        code('invctl down'),
      ],
      ...(volume
        ? [['**delete the data** with the containers', code(`invctl down --volumes --confirm ${project}`)]]
        : []),
    ],
  );
}
