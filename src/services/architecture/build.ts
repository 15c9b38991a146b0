import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import dockerignore from '@balena/dockerignore';
import type { BuildStage, StackBuild } from '../../architecture/stack.js';
import { dockerfileOf, type Instruction } from '../../doctor/dockerfile.js';
import type { ComposeService } from '../../project/model.js';
import { shownInstruction } from './commands-shown.js';

/** How paths and texts are written in the document. */
export interface Wording {
  path(path: string): string;
  text(text: string): string;
}

/**
 * How a service's image is built: its stages, and what the `.dockerignore` of its build context leaves out.
 *
 * @param sensitive absolute paths of files that no image should hold; they need not exist
 */
export function buildOf(
  service: ComposeService,
  context: string,
  sensitive: readonly string[],
  words: Wording,
): StackBuild | undefined {
  const { build } = service;
  if (!build) return undefined;
  const dockerfile = dockerfileOf(service);
  const ignore = ignoreFile(build.context, dockerfile?.file);
  return {
    context,
    remote: !isAbsolute(build.context),
    ...(dockerfile?.file === undefined ? {} : { dockerfile: words.path(dockerfile.file) }),
    ...(build.target === undefined ? {} : { target: build.target }),
    args: Object.keys(build.args),
    stages: dockerfile ? stagesOf(dockerfile.instructions, dockerfile.lastStage, build.args, words) : [],
    ...(ignore ? { ignore: { ...ignore, file: words.path(ignore.file) } } : {}),
    exposed: exposedIn(build.context, ignore?.rules ?? [], sensitive).map((file) => words.path(file)),
  };
}

function stagesOf(
  instructions: readonly Instruction[],
  last: readonly Instruction[],
  args: Readonly<Record<string, string | null>>,
  words: Wording,
): BuildStage[] {
  const values = new Map([...argumentDefaults(instructions), ...Object.entries(args)]);
  const starts = instructions.flatMap(({ keyword }, index) => (keyword === 'FROM' ? [index] : []));
  const stages: BuildStage[] = [];
  for (const [number, start] of starts.entries()) {
    const own = instructions.slice(start, starts[number + 1] ?? instructions.length);
    const [from] = own;
    const stageNamed = (name: string) =>
      stages.find((stage, index) => stage.name === name.toLowerCase() || String(index) === name)?.name;
    const written = from?.words[0] ?? '';
    // An argument that chooses a stage is resolved; the value of another one may be private.
    const base = (written.includes('$') && stageNamed(withValues(written, values))) || written;
    const sources = [base, ...own.flatMap(({ text }) => copySource(text))].flatMap(
      (name) => stageNamed(name) ?? [],
    );
    stages.push({
      name: stageName(from?.text ?? '') ?? String(number),
      base: words.text(base),
      from: [...new Set(sources)],
      steps: own.slice(1).map(({ keyword, text }) => ({ keyword, text: words.text(shownInstruction(text)) })),
      final: last[0] === from,
    });
  }
  return neededFor(stages);
}

/** Arguments with a default before the first stage: those that a `FROM` can use. */
function argumentDefaults(instructions: readonly Instruction[]): [string, string][] {
  const first = instructions.findIndex(({ keyword }) => keyword === 'FROM');
  return instructions.slice(0, Math.max(0, first)).flatMap(({ keyword, words }) =>
    keyword !== 'ARG'
      ? []
      : words.flatMap((word): [string, string][] => {
          const [, name = '', value = ''] = /^(\w+)=["']?([^"']*)/.exec(word) ?? [];
          return name === '' ? [] : [[name, value]];
        }),
  );
}

function withValues(text: string, values: ReadonlyMap<string, string | null>): string {
  return text.replace(/\$\{?(\w+)\}?/g, (reference, name: string) => values.get(name) ?? reference);
}

function stageName(text: string): string | undefined {
  return /\sAS\s+(\S+)$/i.exec(text)?.[1]?.toLowerCase();
}

function copySource(text: string): string[] {
  return [...text.matchAll(/(?:--from=|[,\s]from=)([^\s,]+)/g)].map((match) => match[1] as string);
}

/** A builder skips the stages that the target does not need. */
function neededFor(stages: readonly BuildStage[]): BuildStage[] {
  const needed = new Set<string>();
  const visit = (name: string | undefined) => {
    const stage = stages.find((one) => one.name === name);
    if (!stage || needed.has(stage.name)) return;
    needed.add(stage.name);
    for (const source of stage.from) visit(source);
  };
  visit(stages.find(({ final }) => final)?.name);
  return stages.filter(({ name }) => needed.has(name));
}

/** The sensitive files that are in the context and that the ignore rules do not exclude. */
function exposedIn(context: string, rules: readonly string[], sensitive: readonly string[]): string[] {
  if (!isAbsolute(context)) return [];
  const ignored = dockerignore.default().add([...rules]);
  return sensitive.filter((file) => {
    const path = relative(context, file);
    return path !== '' && !path.startsWith('..') && !ignored.ignores(path);
  });
}

/**
 * The ignore file beside the Dockerfile, which takes precedence, or else the `.dockerignore` of the context.
 */
function ignoreFile(
  context: string,
  dockerfile: string | undefined,
): { file: string; rules: string[]; allowList: boolean } | undefined {
  if (!isAbsolute(context)) return undefined;
  const file = [...(dockerfile ? [`${dockerfile}.dockerignore`] : []), join(context, '.dockerignore')].find(
    (path) => existsSync(path),
  );
  if (file === undefined) return undefined;
  const rules = readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return { file, rules, allowList: rules[0] === '*' || rules[0] === '**' };
}
