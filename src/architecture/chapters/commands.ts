import type { Chapter } from '../chapter.js';
import { code, paragraphs, table } from '../markdown.js';
import type { Stack } from '../stack.js';

export const commands: Chapter = {
  name: 'commands',
  heading: 'Commands',
  body: (stack) =>
    paragraphs(
      `For every day.${stack.scaffold ? ` Without Docker, those of invctl work as well: ${code('invctl --engine embedded up')} runs the stack as processes of this machine.` : ''}`,
      ...sections(stack).map(([title, rows]) =>
        rows.length === 0
          ? ''
          : paragraphs(
              `### ${title}`,
              table(
                ['To', 'With invctl', 'With Compose'],
                rows.map(([what, ours, theirs]) => [what, code(ours), theirs ? code(theirs) : '']),
              ),
            ),
      ),
    ),
};

type Row = [what: string, ours: string, theirs?: string];

/** Names in the rows: services of the stack, or placeholders. */
interface Names {
  one: string;
  network: Stack['networks'][number] | undefined;
  volume: Stack['volumes'][number] | undefined;
}

function sections(stack: Stack): [string, Row[]][] {
  const { services, app, database, networks, volumes } = stack;
  const lasting = services.filter(({ name: other, oneShot }) => other !== database && !oneShot);
  const reached = lasting.find(({ ports }) => ports.length > 0);
  const names: Names = {
    one: app ?? (reached ?? lasting[0] ?? services[0])?.name ?? 'SERVICE',
    network: networks.find(({ external }) => !external),
    volume: volumes.find(({ uses }) => uses.length > 0),
  };
  return [
    ['Build and run', buildAndRun(stack, names)],
    ['Stop and remove', stopAndRemove(stack, names)],
    ['Look', look(names)],
    ['The database', database === undefined ? [] : ofDatabase(stack, database)],
    [
      'This document',
      [
        ['write it again', 'invctl docs', ''],
        ['let CI say when it is out of date (exit code 5)', 'invctl docs --check'],
        ['the diagrams alone', 'invctl graph --view network --format svg'],
      ],
    ],
  ];
}

function buildAndRun({ services }: Stack, { one }: Names): Row[] {
  return [
    ['start all, and wait until it is healthy', 'invctl up', 'docker compose up --build --detach --wait'],
    ['start one service and what it needs', `invctl up ${one}`, `docker compose up --detach --wait ${one}`],
    ...(services.some(({ build }) => build)
      ? ([
          ['build the images', 'invctl build', 'docker compose build'],
          ['build without the cache', 'invctl build --no-cache', 'docker compose build --no-cache'],
        ] as Row[])
      : []),
  ];
}

function stopAndRemove({ name }: Stack, { one, volume }: Names): Row[] {
  return [
    ['stop, and keep the containers', 'invctl stop', 'docker compose stop'],
    ['start one service again', `invctl restart ${one}`, `docker compose restart ${one}`],
    [
      volume ? 'remove the containers; the data stays' : 'remove the containers',
      'invctl down',
      'docker compose down',
    ],
    ['remove one stopped service', `invctl rm ${one}`, `docker compose rm ${one}`],
    ...(volume
      ? ([
          [
            '**delete the data** as well',
            `invctl down --volumes --confirm ${name}`,
            'docker compose down --volumes',
          ],
        ] as Row[])
      : []),
  ];
}

function look({ one, network, volume }: Names): Row[] {
  return [
    ['see what runs, how healthy, where', 'invctl ps', 'docker compose ps'],
    ['follow the logs', 'invctl logs -f', 'docker compose logs --follow'],
    [
      'the last 100 lines of one service',
      `invctl logs --tail 100 ${one}`,
      `docker compose logs --tail 100 ${one}`,
    ],
    ['a shell in a container', `invctl exec ${one} -- sh`, `docker compose exec ${one} sh`],
    ['its environment', `invctl env list ${one} --live`, `docker compose exec ${one} printenv`],
    [
      'a program in a new container',
      `invctl run ${one} -- PROGRAM`,
      `docker compose run --rm ${one} PROGRAM`,
    ],
    [
      'what the engine knows of a service',
      `invctl inspect ${one}`,
      `docker inspect $(docker compose ps -q ${one})`,
    ],
    ...(network
      ? ([
          [
            'who is in a network',
            `invctl network inspect ${network.key}`,
            `docker network inspect ${network.name}`,
          ],
        ] as Row[])
      : []),
    ...(volume
      ? ([
          ['a volume', `invctl volume inspect ${volume.key}`, `docker volume inspect ${volume.name}`],
        ] as Row[])
      : []),
    ['the resolved configuration, secrets hidden', 'invctl config', 'docker compose config'],
  ];
}

function ofDatabase({ services }: Stack, database: string): Row[] {
  const settings = services.find(({ name: other }) => other === database)?.variables ?? [];
  const given = (variable: string, otherwise: string) => {
    const value = settings.find((setting) => setting.name === variable)?.value;
    return typeof value === 'string' && value !== '' ? value : otherwise;
  };
  const user = given('POSTGRES_USER', 'postgres');
  const base = given('POSTGRES_DB', user);
  const client = `docker compose exec ${database} psql -U ${user} -d ${base}`;
  return [
    ['a prompt', 'invctl db psql', client],
    [
      'run a file of SQL',
      'invctl db exec schema.sql',
      `${client.replace(' exec ', ' exec -T ')} < schema.sql`,
    ],
    [
      'back up, and prove it',
      'invctl db backup',
      `docker compose exec -T ${database} pg_dump -U ${user} ${base} > backup.sql`,
    ],
    ['restore a backup', 'invctl db restore FILE', `${client.replace(' exec ', ' exec -T ')} < backup.sql`],
    ['size, migrations, age of the newest backup', 'invctl status'],
  ];
}
