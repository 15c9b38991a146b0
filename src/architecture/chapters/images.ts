import { alike } from '../alike.js';
import type { Chapter } from '../chapter.js';
import { code, fence, paragraphs, sentence, table } from '../markdown.js';
import { quoted } from '../mermaid.js';
import type { BuildStage, StackBuild, StackService } from '../stack.js';

export const images: Chapter = {
  name: 'images',
  heading: 'Images and how they are built',
  body({ services }, paths) {
    const built = services.filter(({ build }) => build !== undefined);
    const pulled = [...new Set(services.flatMap(({ image, build }) => (build || !image ? [] : [image])))];
    return paragraphs(
      pulled.length > 0 &&
        `Pulled as they are: ${sentence(pulled.map((image) => code(image)))}.${built.length === 0 ? ' Nothing is built here.' : ''}`,
      ...alike(built, ({ build }) => buildText(build as StackBuild, paths.link)).map(({ names, text }) =>
        paragraphs(`### ${sentence(names.map((name) => imageOf(services, name)))}`, text),
      ),
      built.length > 0 &&
        `A step that is cached is not run again. The first step whose input changed is, and so is every step below it: what changes rarely stands above what changes often. ${code('invctl build')} says which steps were cached and how large the image is; ${code('invctl build --no-cache --pull')} builds everything anew.`,
    );
  },
};

function imageOf(services: readonly StackService[], name: string): string {
  const image = services.find((service) => service.name === name)?.image;
  return image ? `${code(image)} for ${code(name)}` : code(name);
}

function buildText(build: StackBuild, link: (path: string) => string): string {
  const { dockerfile, context, remote, target, args, stages, ignore, exposed } = build;
  const final = stages.find((stage) => stage.final);
  return paragraphs(
    `From ${dockerfile ? link(dockerfile) : stages.length > 0 ? 'the Dockerfile in the compose file' : 'a Dockerfile that is not here'} with the build context ${code(context)}${target ? `, up to the stage ${code(target)}` : ''}.${args.length > 0 ? ` Build arguments: ${sentence(args.map(code))}.` : ''}`,
    stages.length > 1 && fence('mermaid', stageDiagram(stages)),
    stages.length > 1 &&
      `Only ${final && !/^\d+$/.test(final.name) ? `the stage ${code(final.name)}` : 'the last stage'} becomes the image: of the others, what is copied out of them.`,
    table(
      ['Stage', 'Step', 'Runs again when'],
      stages.flatMap((stage) => [
        [
          code(stageTitle(stage)),
          code(`FROM ${stage.base}`),
          stage.from.includes(stage.base)
            ? `the stage ${code(stage.base)} changed`
            : 'a newer base image is pulled',
        ],
        ...stage.steps.map(({ keyword, text }) => [
          '',
          code(shortened(`${keyword} ${text}`)),
          trigger(keyword, text),
        ]),
      ]),
    ),
    orderText(stages),
    ignore
      ? paragraphs(
          `${link(ignore.file)} keeps files from the builder; ${ignore.allowList ? 'nothing but what it names is sent' : 'everything else of the build context is sent'}:`,
          fence('text', ignore.rules.join('\n')),
        )
      : !remote && `There is no ${code('.dockerignore')}: all of ${code(context)} is sent to the builder.`,
    exposed.length > 0 &&
      `**Sent to the builder as well:** ${sentence(exposed.map(code))}. A ${code('COPY')} of the folder puts ${exposed.length === 1 ? 'it' : 'them'} into the image; a line in ${code('.dockerignore')} keeps ${exposed.length === 1 ? 'it' : 'them'} out.`,
  );
}

function stageTitle(stage: BuildStage | undefined): string {
  if (!stage) return 'the last stage';
  return /^\d+$/.test(stage.name) ? (stage.final ? 'the image' : `stage ${stage.name}`) : stage.name;
}

function stageDiagram(stages: readonly BuildStage[]): string {
  const id = (name: string) => `s${stages.findIndex((stage) => stage.name === name) + 1}`;
  const bases = [
    ...new Set(stages.filter(({ base, from }) => !from.includes(base.toLowerCase())).map(({ base }) => base)),
  ];
  return [
    'flowchart LR',
    ...bases.map((base, index) => `  b${index + 1}([${quoted([base])}])`),
    ...stages.map(
      (stage) => `  ${id(stage.name)}[${quoted([stageTitle(stage)])}]${stage.final ? ':::final' : ''}`,
    ),
    ...stages.flatMap((stage) => {
      const base = stage.base.toLowerCase();
      const parent = stage.from.includes(base) ? id(base) : `b${bases.indexOf(stage.base) + 1}`;
      return [
        `  ${parent} --> ${id(stage.name)}`,
        ...stage.from
          .filter((name) => name !== base)
          .map((name) => `  ${id(name)} -. ${quoted(copiedFrom(stage, name))} .-> ${id(stage.name)}`),
      ];
    }),
    '  classDef final fill:#e8f5e9,stroke:#2e7d32,color:#1a1a1a',
  ].join('\n');
}

function copiedFrom(stage: BuildStage, name: string): string[] {
  const paths = stage.steps.flatMap(({ keyword, text }) =>
    keyword === 'COPY' && text.toLowerCase().includes(`--from=${name}`)
      ? (text
          .replace(/--\S+\s+/g, '')
          .split(' ')
          .slice(0, -1) as string[])
      : [],
  );
  return paths.length > 0 ? paths : ['copies'];
}

const LONGEST_STEP = 100;

function shortened(text: string): string {
  return text.length > LONGEST_STEP ? `${text.slice(0, LONGEST_STEP - 1)}…` : text;
}

function trigger(keyword: string, text: string): string {
  if (keyword === 'COPY' || keyword === 'ADD') {
    const from = /--from=(\S+)/.exec(text)?.[1];
    if (from) return `${code(from)} changed`;
    const sources = text
      .replace(/--\S+\s+/g, '')
      .split(' ')
      .slice(0, -1);
    if (sources.length === 0 || text.startsWith('[')) return 'a file that it copies changed';
    return sources.includes('.')
      ? 'any file of the build context changed'
      : `${sentence(sources.map(code))} changed`;
  }
  return keyword === 'RUN' ? 'a step above it was run again' : '';
}

/** Explains the purpose of the steps' order if a `RUN` precedes the copy of the source. */
function orderText(stages: readonly BuildStage[]): string {
  for (const { steps } of stages) {
    const run = steps.findIndex(({ keyword }) => keyword === 'RUN');
    const later = steps
      .slice(run + 1)
      .filter(({ keyword, text }) => keyword === 'COPY' && !text.includes('--from='));
    if (run < 0 || later.length === 0) continue;
    const sources = later.flatMap(({ text }) =>
      text
        .replace(/--\S+\s+/g, '')
        .split(' ')
        .slice(0, -1),
    );
    return `${sentence([...new Set(sources)].map(code))} ${sources.length === 1 ? 'is' : 'are'} copied after ${code(shortened(`RUN ${(steps[run] as { text: string }).text}`))}: an edit there does not run it again.`;
  }
  return '';
}
