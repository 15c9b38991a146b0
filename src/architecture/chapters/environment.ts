import { Secret } from '../../system/secret.js';
import { alike, headingOf, listOf } from '../alike.js';
import type { Chapter } from '../chapter.js';
import { diagram } from '../chapter.js';
import { code, paragraphs, plain, sentence, table } from '../markdown.js';
import type { Stack, StackEnvFile, StackService, StackSource, StackVariable } from '../stack.js';

export const environment: Chapter = {
  name: 'environment',
  heading: 'Environment variables',
  body(stack, paths) {
    const { services, envFiles } = stack;
    const having = services.filter(({ variables }) => variables.length > 0);
    const example = exampleVariable(stack);
    return paragraphs(
      'A container gets its variables when it is made. The strongest source wins:',
      sources(stack)
        .map((text, index) => `${index + 1}. ${text}`)
        .join('\n'),
      diagram(stack, 'env'),
      envFiles.some(({ read }) => read !== 'file') && perMachineText(envFiles, paths.link),
      envFiles.length > 0 && imagesText(stack),
      ...alike(having, (service) =>
        paragraphs(
          service.settingsIn && `Read in ${paths.link(service.settingsIn)}.`,
          table(['Variable', 'Value', 'Comes from', 'Wins over'], service.variables.map(variableRow)),
        ),
      ).map(({ names, text }) => paragraphs(`### Variables of ${headingOf(names)}`, listOf(names), text)),
      ...envFiles.map((file) => settingsText(file, having, paths.link)),
      example &&
        `${code(`invctl env explain ${example}`)} says where a value comes from, ${code('invctl env list --live')} what the running containers have, ${code('invctl env diff')} what an env file lacks against its example.`,
    );
  },
};

function exampleVariable({ services }: Stack): string | undefined {
  const all = services.flatMap(({ variables }) => variables);
  return (all.find(({ shadows }) => shadows.length > 0) ?? all[0])?.name;
}

function sources({ services, envFiles, composeFiles }: Stack): string[] {
  const [first] = services;
  const listed = envFiles.filter((file) => file.services.length > 0);
  const own = envFiles.filter((file) => file.services.length === 0);
  const uses = services.some(({ variables }) => variables.some((variable) => variable.uses.length > 0));
  return [
    `${code('run -e')} on the command line: ${code(`invctl run -e NAME=value ${first?.name ?? 'SERVICE'}`)}`,
    `${code('environment:')} in ${sentence(composeFiles.map(code))}${uses || own.length > 0 ? `; a ${code('${NAME}')} in it is first looked for in the shell, then in ${sentence((own.length > 0 ? own.map(({ file }) => file) : ['.env']).map(code))}` : ''}`,
    `${code('env_file:')}${listed.length > 0 ? `, here ${sentence(listed.map(({ file, services: names }) => `${code(file)} (for ${sentence(names.map(code))})`))}` : ', which no service has'}`,
    `${code('ENV')} of the image`,
  ];
}

function perMachineText(files: readonly StackEnvFile[], link: (path: string) => string): string {
  const examples = files.flatMap(({ file, example, read }) =>
    read === 'example' && example ? [`${code(file)} (as ${link(example)} has it)`] : [],
  );
  const unread = files.flatMap(({ file, read }) => (read === 'nothing' ? [code(file)] : []));
  return [
    ...(examples.length > 0
      ? [
          `Each machine has its own ${sentence(examples)}: values from there are the example's, marked with *.`,
        ]
      : []),
    ...(unread.length > 0
      ? [
          `${sentence(unread)} ${unread.length === 1 ? 'is' : 'are'} of each machine and ${unread.length === 1 ? 'has' : 'have'} no example beside ${unread.length === 1 ? 'it' : 'them'}: what ${unread.length === 1 ? 'it sets' : 'they set'} is not told here.`,
        ]
      : []),
  ].join(' ');
}

/** Says whether env files stay outside of the images, according to the build contexts. */
function imagesText({ services, envFiles }: Stack): string {
  const reader = 'Compose reads the file on this machine and hands on what is in it';
  const exposed = envFiles.filter(({ file }) => services.some(({ build }) => build?.exposed.includes(file)));
  if (exposed.length === 0) return `${reader}: it is in no image.`;
  return `${reader}. No image needs it, but nothing keeps ${sentence(exposed.map(({ file }) => code(file)))} out of a build context.`;
}

function variableRow({ name, value, source, shadows, uses }: StackVariable): string[] {
  return [
    code(name),
    valueText(value, source, uses),
    sourceText(source),
    shadows.map((one) => `${sourceText(one)}: ${valueText(one.value, one, [])}`).join('\n'),
  ];
}

function valueText(
  value: string | Secret | null,
  { perMachine }: Pick<StackSource, 'perMachine'>,
  uses: readonly string[],
): string {
  if (value instanceof Secret) return '*secret*';
  if (value === null) return uses.length > 0 ? 'unset' : 'of the shell that starts it';
  return `${value === '' ? 'empty' : code(value)}${perMachine ? ' *' : ''}`;
}

function sourceText({ kind, file }: StackSource): string {
  return kind === 'env_file' ? code(file) : `${code('environment')} in ${code(file)}`;
}

function settingsText(
  { file, example, settings, services }: StackEnvFile,
  having: readonly StackService[],
  link: (path: string) => string,
): string {
  const shown = settings.filter(
    ({ comment, optional, name }) => comment !== '' || optional || !isListed(having, name),
  );
  if (shown.length === 0) return '';
  return paragraphs(
    `### Settings in ${code(file)}`,
    `${services.length > 0 ? `For ${sentence(services.map(code))}` : `For ${code('${…}')} in the compose file`}${example ? `, as ${link(example)} explains them` : ''}.`,
    table(
      ['Setting', example ? 'Example' : 'Value', 'Given', 'What it does'],
      settings.map(({ name, value, optional, comment }) => [
        code(name),
        value instanceof Secret ? '*secret*' : value === '' ? '' : code(value),
        optional ? 'where wanted' : 'yes',
        plain(comment),
      ]),
    ),
  );
}

function isListed(services: readonly StackService[], name: string): boolean {
  return services.some(({ variables }) => variables.some((variable) => variable.name === name));
}
