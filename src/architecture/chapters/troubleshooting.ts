import type { Chapter } from '../chapter.js';
import { code, fence, paragraphs, sentence, table } from '../markdown.js';
import { quoted } from '../mermaid.js';
import type { Stack, StackService } from '../stack.js';

export const troubleshooting: Chapter = {
  name: 'troubleshooting',
  heading: 'When something is wrong',
  body: (stack) =>
    paragraphs(
      `${code('invctl doctor')} walks these questions from cause to symptom and names the first cause; ${code('invctl doctor --fix')} mends what can be mended without touching data. By hand:`,
      connection(stack),
      secretMissing(stack),
      variableMissing(stack),
      portTaken(stack),
      permission(stack),
    ),
};

type Step = readonly [question: string, no: string];

/** Draws questions one below the other; the answer "no" leads sideways to the remedy. */
function decisions(start: string, steps: readonly Step[], last: string): string {
  return [
    'flowchart TD',
    `  start([${quoted([start])}])`,
    ...steps.flatMap(([question, no], index) => [
      `  q${index + 1}{{${quoted([question])}}}`,
      `  a${index + 1}[${quoted(no.split('\n'))}]:::mend`,
      index === 0 ? '  start --> q1' : `  q${index} -->|yes| q${index + 1}`,
      `  q${index + 1} -->|no| a${index + 1}`,
    ]),
    `  last[${quoted(last.split('\n'))}]`,
    `  q${steps.length} -->|yes| last`,
    '  classDef mend fill:#fff9e1,stroke:#f9a825,color:#1a1a1a',
  ].join('\n');
}

function connection({ database, services, references }: Stack): string {
  if (database === undefined) return '';
  const reference = references.find(({ target }) => target === database);
  const client = reference?.service;
  const shared = services.find(({ name }) => name === database)?.networks[0];
  const steps: Step[] = [
    [`Does ${database} run?`, `invctl logs ${database}`],
    ...(services.find(({ name }) => name === database)?.health
      ? [[`Is it healthy in invctl ps?`, `invctl inspect ${database}\nshows what the check said`] as const]
      : []),
    ...(reference
      ? [
          [
            `Is ${reference.variable} ${database} and not localhost?`,
            `invctl env explain ${reference.variable}`,
          ] as const,
        ]
      : []),
    ...(shared && client
      ? [[`Are ${client} and ${database} in one network?`, `invctl network inspect ${shared}`] as const]
      : []),
  ];
  return paragraphs(
    '### Connection to the database refused',
    fence(
      'mermaid',
      decisions('connection refused', steps, 'invctl doctor\nsays whether the password differs'),
    ),
  );
}

function secretMissing({ secrets, composeFiles, app }: Stack): string {
  const secret = secrets.find(({ file, grants }) => file && grants.length > 0);
  const grant = secret?.grants.find(({ service }) => service === app) ?? secret?.grants[0];
  if (!secret || !grant) return '';
  return paragraphs(
    '### A secret is not found',
    fence(
      'mermaid',
      decisions(
        `no /run/secrets/${secret.name}`,
        [
          [`Is ${secret.file} there?`, 'invctl secrets check\nsays which is missing'],
          [`Does the service list ${secret.name}?`, `secrets: in ${composeFiles[0]}`],
          ['Is it in the container?', `invctl exec ${grant.service} -- ls -l /run/secrets\nthen invctl up`],
        ],
        `the program looks elsewhere than\n${grant.target}`,
      ),
    ),
  );
}

function variableMissing({ services, envFiles, composeFiles }: Stack): string {
  const service = services.find(({ variables }) => variables.length > 0);
  const file = envFiles.find((one) => one.services.length > 0) ?? envFiles[0];
  if (!service) return '';
  const name = file?.services[0] ?? service.name;
  const own = services.find((one) => one.name === name) as StackService;
  const variable =
    own.variables.find(({ source }) => source.file === file?.file)?.name ?? own.variables[0]?.name;
  return paragraphs(
    '### A variable is not what it should be',
    fence(
      'mermaid',
      decisions(
        `${variable ?? 'a variable'} is missing or wrong`,
        [
          ...(file
            ? [
                [
                  `Is ${file.file} there, and the name in it?`,
                  file.example ? `invctl env diff\nholds it against ${file.example}` : 'invctl env list',
                ] as const,
                [`Does ${name} list it under env_file?`, `env_file: in ${composeFiles[0]}`] as const,
              ]
            : []),
          ['Does the right source win?', `invctl env explain ${variable ?? ''}`],
        ],
        'the container is older than the file:\ninvctl env list --live\nthen invctl up',
      ),
    ),
  );
}

function portTaken({ services }: Stack): string {
  const published = services.flatMap(({ name, ports, networkMode }) =>
    networkMode === 'host'
      ? []
      : ports.flatMap((port) => (port.published === undefined ? [] : [{ name, ...port }])),
  );
  const [first] = published;
  if (!first) return '';
  const number = /^\d+$/.test(first.published ?? '') ? Number(first.published) : undefined;
  return paragraphs(
    '### A port is already in use',
    `The stack wants ${sentence(published.slice(0, 6).map(({ name, published: port }) => `${code(port as string)} for ${code(name)}`))}${published.length > 6 ? ' and more' : ''}. ${code('invctl doctor --only port.in-use,port.container')} names who holds one; ${code(`ss -ltnp 'sport = :${first.published}'`)} does by hand.${number ? ` Stop that program, or publish another port: ${code(`${number + 1}:${first.target}`)} in place of ${code(`${number}:${first.target}`)}.` : ''}`,
  );
}

function permission({ services }: Stack): string {
  const rows = services.flatMap((service) =>
    service.mounts.flatMap(({ type, source, target, readOnly }) =>
      (type === 'bind' || type === 'volume') && source !== undefined && !readOnly
        ? [
            [
              code(service.name),
              code(target),
              code(source),
              service.user ? code(service.user) : "the image's user",
            ],
          ]
        : [],
    ),
  );
  if (rows.length === 0) return '';
  return paragraphs(
    '### Permission denied in a volume',
    'The user of the process has to own what it writes to. A new volume gets the owner that the image gives the folder; a folder of the machine keeps its own.',
    table(['Service', 'Writes to', 'That is', 'As'], rows),
  );
}
