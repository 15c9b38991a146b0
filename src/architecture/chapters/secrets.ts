import { Secret } from '../../system/secret.js';
import type { Chapter } from '../chapter.js';
import { diagram } from '../chapter.js';
import { code, paragraphs, sentence, table } from '../markdown.js';
import type { Stack, StackSecret, StackVariable } from '../stack.js';
import { sourceOf } from '../views/secrets.js';

export const secrets: Chapter = {
  name: 'secrets',
  heading: 'Secrets',
  body(stack, paths) {
    const { secrets: all } = stack;
    const variables = secretVariables(stack);
    if (all.length === 0 && variables.length === 0) return 'The project has no secret.';
    return paragraphs(
      all.length > 0 &&
        `A secret is a file of this machine. Compose mounts it, read-only, into the services that list it and into no other; it is ${inBuild(stack) ? '' : 'in no image and '}in no variable. A container keeps the file that it started with.`,
      diagram(stack, 'secrets'),
      table(
        ['Secret', 'Comes from', 'Service', 'In the container', 'Read by'],
        all.flatMap((secret) => secretRows(secret, paths.link)),
      ),
      commands(all, stack.database),
      variables.length > 0 &&
        paragraphs(
          `${all.length > 0 ? 'Beside these, secrets' : 'Secrets'} travel as environment variables, which every process of the container and ${code('docker inspect')} see:`,
          table(
            ['Service', 'Variable', 'Comes from'],
            variables.map(({ service, name, source }) => [
              code(service),
              code(name),
              `${code(source.file)}${source.perMachine ? ", each machine's own" : ''}`,
            ]),
          ),
        ),
    );
  },
};

/** Whether a builder gets a secret's file. */
function inBuild({ secrets: all, services }: Stack): boolean {
  return services.some(({ build }) => all.some(({ file }) => file && build?.exposed.includes(file)));
}

function secretRows(secret: StackSecret, link: (path: string) => string): string[][] {
  const from = `${code(sourceOf(secret))}${secret.ignored === undefined ? '' : secret.ignored ? ', not in git' : ', **in git**'}`;
  if (secret.grants.length === 0) return [[code(secret.name), from, 'nobody', '', '']];
  return secret.grants.map(({ service, target, variables, readIn }, index) => [
    index === 0 ? code(secret.name) : '',
    index === 0 ? from : '',
    code(service),
    code(target),
    variables.length > 0
      ? sentence(variables.map((name) => code(name)))
      : readIn === undefined
        ? 'the program itself'
        : link(readIn),
  ]);
}

function commands(all: readonly StackSecret[], database: string | undefined): string {
  const [first] = all.filter(({ file }) => file !== undefined);
  if (!first) return '';
  const reader = first.grants[0]?.service;
  const password = all.find(({ grants }) =>
    grants.some(
      ({ service, variables }) => service === database && variables.includes('POSTGRES_PASSWORD_FILE'),
    ),
  );
  return (
    table(
      ['To', 'Type'],
      [
        ['see whether each secret is there and sound', code('invctl secrets check')],
        ...(reader
          ? [['see what a container was given', code(`invctl exec ${reader} -- ls -l /run/secrets`)]]
          : []),
        ['write one', code(`invctl secrets set ${first.name}`)],
        ...(password
          ? [
              [
                "change the database's password everywhere at once",
                code(`invctl secrets rotate ${password.name}`),
              ],
            ]
          : []),
      ],
    ) +
    (password
      ? `\n\nPostgreSQL reads its password once, when the volume is new. Changing ${code(password.file ?? '')} alone locks everybody out.`
      : '')
  );
}

function secretVariables({ services }: Stack): (StackVariable & { service: string })[] {
  return services.flatMap(({ name, variables }) =>
    variables.flatMap((variable) =>
      variable.value instanceof Secret ? [{ ...variable, service: name }] : [],
    ),
  );
}
