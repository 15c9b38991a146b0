import { basename, relative, resolve } from 'node:path';
import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { choice, flag, optional, parsed, type ValuesOf } from '../cli/parameters.js';
import { UserError } from '../errors.js';
import { count } from '../output/units.js';
import { type InitFile, type InitResult, initProject, readScaffoldOptions } from '../services/init.js';
import {
  addToScaffold,
  environmentsWithoutOverlay,
  type InitAdditionsResult,
  repositoryAbove,
} from '../services/init-additions.js';
import { type InitEnvironmentResult, initEnvironment } from '../services/init-environment.js';
import { firstPort, portInUse } from '../services/scaffold-port.js';
import { formatArgv } from '../system/argv.js';
import { CI_SYSTEMS, MONITORING_ON, OVERLAY, type ScaffoldAdditions } from '../template/additions.js';
import { parseDomain } from '../template/domain.js';
import {
  DEFAULT_OPTIONS,
  NODE_MAJORS,
  POSTGRES_MAJORS,
  parseOption,
  projectNameFrom,
  type ScaffoldOptions,
} from '../template/options.js';

/** Used when the folder's name has no character that is allowed in a project's name. */
const FALLBACK_NAME = 'inventory';

const FLAGS = {
  name: option('name', 'name', "the Compose project's name", { otherwise: "the folder's" }),
  port: option('port', 'port', 'port of this machine for the API', {
    otherwise: `${DEFAULT_OPTIONS.port}, or the next free one`,
  }),
  postgres: option('postgres', 'major', 'PostgreSQL', {
    offers: POSTGRES_MAJORS.map(String),
    otherwise: `${DEFAULT_OPTIONS.postgres}`,
  }),
  node: option('node', 'major', 'Node.js', {
    offers: NODE_MAJORS.map(String),
    otherwise: `${DEFAULT_OPTIONS.node}`,
  }),
  dbName: option('dbName', 'name', 'database', { otherwise: DEFAULT_OPTIONS.dbName }),
  dbUser: option('dbUser', 'name', 'database user', { otherwise: DEFAULT_OPTIONS.dbUser }),
  ci: choice('system', CI_SYSTEMS, 'add a pipeline: test, build, scan, push by digest, deploy'),
  domain: parsed('name', 'add a proxy with TLS that serves it at this name', parseDomain),
  monitoring: flag('add Prometheus, alerts that name the command to type, and a dashboard'),
  dryRun: flag('write nothing, list what would be written'),
  diff: flag('show how files differ from the template'),
  force: flag('overwrite files that differ, keeping copies; never secrets or .env'),
};
type InitFlags = ValuesOf<typeof FLAGS>;

export default command({
  summary: 'write a stack: compose file, API source, settings and secrets',
  examples: [
    'invctl init shop',
    'invctl init --environment production      (another environment of the project)',
    'invctl init --ci github      (a pipeline for the project)',
    'invctl init --domain shop.example.com      (HTTPS by a proxy)',
    'invctl init --monitoring      (Prometheus and alerts beside the stack)',
    'invctl init --dry-run --diff      (what differs from the template?)',
  ],
  args: { dir: optional('folder of the project (default: this one)', { offers: 'folders' }) },
  flags: FLAGS,
  data: (z) =>
    z.object({
      directory: z.string(),
      name: z.string(),
      created: z.boolean().describe('the folder was not a scaffold before'),
      dryRun: z.boolean(),
      templateChanged: z.boolean().describe('since the scaffold was made; `upgrade` merges it'),
      options: z.record(z.string(), z.union([z.string(), z.int()])),
      files: z.array(
        z.object({
          path: z.string(),
          status: z.enum(['created', 'unchanged', 'differs', 'kept', 'updated', 'replaced']),
          added: z.array(z.string()).optional().describe('keys or lines that an updated file got'),
          edited: z.boolean().optional().describe('false: the template or the options changed, not the file'),
          diff: z.string().optional().describe('unified, with --diff; credentials read [redacted]'),
        }),
      ),
      copies: z.string().optional().describe('folder of the copies of replaced files'),
      environment: z
        .object({ name: z.string(), port: z.int() })
        .optional()
        .describe('with --environment: the one that was added'),
      next: z.array(z.string()),
    }),
  async run(context, { args: { dir }, flags }) {
    const directory = resolve(context.directory, dir ?? '.');
    const { environment } = context.settings;
    const { dryRun, force, diff } = flags;
    const isScaffold = (await readScaffoldOptions(directory)) !== undefined;
    const options = await chooseOptions(context, directory, flags);
    const asked: ScaffoldAdditions = {
      ...(flags.ci ? { ci: [flags.ci] } : {}),
      ...(flags.domain === undefined ? {} : { domain: flags.domain }),
      ...(flags.monitoring ? { monitoring: true as const } : {}),
    };
    const isAdding = Object.keys(asked).length > 0;
    // When something is added to a scaffold, only that is reported.
    let base: InitResult =
      (environment !== undefined || isAdding) && isScaffold
        ? {
            directory,
            name: options.name,
            created: false,
            dryRun,
            templateChanged: false,
            options,
            files: [],
          }
        : await initProject(context, { directory, options, dryRun, force, diff });
    if (isAdding) {
      base = withFiles(
        base,
        await addToScaffold(context, { directory, options, asked, dryRun, force, diff }),
      );
      warnOfPlace(context, directory, flags);
      if (flags.domain !== undefined || flags.monitoring) {
        await warnOfEnvironments(context, directory, flags, environment);
      }
    }
    if (environment === undefined) {
      const next = nextCommands(base, flags);
      return { data: { ...base, next }, text: formatResult(context, base, next) };
    }
    const added = await initEnvironment(context, {
      directory,
      options,
      name: environment,
      dryRun,
      force,
      diff,
    });
    const result = withFiles(base, added);
    const next = environmentCommands(result, added);
    return {
      data: { ...result, environment: { name: added.name, port: added.port }, next },
      text: formatResult(context, result, next, added),
    };
  },
});

/** A flag that is validated like the answer to the same question. */
function option<Key extends keyof ScaffoldOptions>(
  key: Key,
  placeholder: string,
  description: string,
  help: { offers?: readonly string[]; otherwise: string },
) {
  return parsed(placeholder, description, (word) => parseOption(key, word), help);
}

/** Flags take precedence over what an earlier init recorded. Only a first init asks questions. */
async function chooseOptions(
  context: Context,
  directory: string,
  flags: InitFlags,
): Promise<ScaffoldOptions> {
  const { prompts, settings } = context;
  const typed: Partial<ScaffoldOptions> = {};
  for (const key of ['name', 'port', 'postgres', 'node', 'dbName', 'dbUser'] as const) {
    if (flags[key] !== undefined) Object.assign(typed, { [key]: flags[key] });
  }
  const recorded = await readScaffoldOptions(directory);
  if (typed.port !== undefined && typed.port !== recorded?.port) await warnIfTaken(context, typed.port);
  if (recorded) return { ...recorded, ...typed };

  const { port, note } = await firstPort(directory);
  if (note !== undefined && typed.port === undefined) context.warn(note);
  const defaults: ScaffoldOptions = {
    name: projectNameFrom(basename(directory)) || FALLBACK_NAME,
    ...DEFAULT_OPTIONS,
    port,
  };
  if (prompts.canAsk && !settings.yes) {
    typed.name ??= await prompts.text('Project name', defaults.name, problemWith('name'));
    if (typed.port === undefined) {
      const answer = await prompts.text('Port of the API', `${port}`, problemWith('port'));
      typed.port = parseOption('port', answer);
      if (typed.port !== port) await warnIfTaken(context, typed.port);
    }
    typed.postgres ??= await prompts.choose(
      'PostgreSQL',
      POSTGRES_MAJORS.map((major) => ({ name: `${major}`, value: major })),
      defaults.postgres,
    );
  }
  return { ...defaults, ...typed };
}

/** Warns only: what holds the port may be gone by the first `up`. */
async function warnIfTaken(context: Context, port: number): Promise<void> {
  const held = await portInUse(port);
  if (held) context.warn(`${held}: \`invctl up\` refuses until it is free`);
}

/** The validation of a prompt: true, or what is wrong with the answer. */
function problemWith(key: 'name' | 'port'): (answer: string) => true | string {
  return (answer) => {
    try {
      parseOption(key, answer);
      return true;
    } catch (error) {
      if (error instanceof UserError) return `${error.message} (${error.hint})`;
      throw error;
    }
  };
}

/** GitHub and GitLab read a pipeline only at the root of the repository. */
function warnOfPlace(context: Context, directory: string, { ci }: InitFlags): void {
  const repository = ci && repositoryAbove(directory);
  if (!repository) return;
  context.warn(
    `the repository begins at ${repository}, where ${ci === 'github' ? 'GitHub' : 'GitLab'} looks for a pipeline: move it there, and put ${relative(repository, directory)}/ before the paths in it`,
  );
}

/** Warns of environments that were there before and list their compose files themselves. */
async function warnOfEnvironments(
  context: Context,
  directory: string,
  { domain }: InitFlags,
  added: string | undefined,
): Promise<void> {
  for (const name of await environmentsWithoutOverlay(directory)) {
    if (name === added) continue;
    context.warn(
      `the environment ${name} has no ${domain === undefined ? 'monitoring' : 'proxy'} yet: add ${OVERLAY} as the last of environments.${name}.files in invctl.yaml`,
    );
  }
}

/** Adds the files of an addition to the result; a scaffold file that it wrote again is listed once. */
function withFiles(base: InitResult, { files, copies }: InitAdditionsResult): InitResult {
  const known = new Set(base.files.map(({ path }) => path));
  return {
    ...base,
    files: [...base.files, ...files.filter(({ path }) => !known.has(path))],
    ...(copies ? { copies } : {}),
  };
}

/** The image comes first, because nothing is built where an environment runs. */
function environmentCommands(
  { directory, dryRun }: InitResult,
  { name, image }: InitEnvironmentResult,
): string[] {
  if (dryRun) return [];
  const folder = relative(process.cwd(), directory);
  const there = folder === '' ? [] : [formatArgv(['cd', folder])];
  return [
    [...there, formatArgv(['docker', 'build', '--tag', image, 'stack'])].join(' && '),
    `invctl --environment ${name} up`,
  ];
}

function nextCommands(
  { directory, dryRun, files, templateChanged }: InitResult,
  { diff, force, monitoring }: InitFlags,
): string[] {
  const folder = relative(process.cwd(), directory);
  const there = folder === '' ? [] : [formatArgv(['cd', folder])];
  const up = monitoring ? `${MONITORING_ON} invctl up` : 'invctl up';
  const commands =
    !diff && files.some(({ status }) => status === 'differs')
      ? [formatArgv(['invctl', 'init', ...(folder === '' ? [] : [folder]), '--dry-run', '--diff'])]
      : [];
  if (templateChanged && !force) {
    commands.push([...there, 'invctl upgrade --diff      (the template has changed since)'].join(' && '));
  }
  return dryRun ? commands : [...commands, [...there, up].join(' && ')];
}

function formatResult(
  { output }: Context,
  result: InitResult,
  next: readonly string[],
  environment?: InitEnvironmentResult,
): string {
  const { style } = output;
  const changed = result.files.some(({ status }) => !['unchanged', 'kept', 'differs'].includes(status));
  const differing = result.files.filter(({ status }) => status === 'differs').length;
  const what = environment ? `, environment ${environment.name}` : '';
  const port = environment?.port ?? result.options.port;
  const lines = [`${style.bold(result.name)}${what} in ${result.directory}, API on port ${port}`];
  const groups = group(result.files);
  const width = Math.max(...groups.map(({ label }) => label.length));
  for (const { label, what } of groups) {
    const paint = /^(unchanged|kept)/.test(what)
      ? style.dim
      : /differs/.test(what)
        ? style.yellow
        : style.green;
    lines.push(`  ${label.padEnd(width)}  ${paint(what)}`);
  }
  if (result.copies) lines.push(`Copies of what was replaced: ${result.copies}`);
  for (const { diff } of result.files) if (diff) lines.push('', diff.trimEnd());
  lines.push('');
  if (result.dryRun) lines.push('Dry run: nothing was written.');
  else if (!changed) lines.push('Nothing was changed.');
  if (differing > 0) {
    lines.push(
      `${count(differing, 'file')} left as ${differing === 1 ? 'it is' : 'they are'}; \`invctl init --force\` overwrites and keeps copies.`,
    );
  }
  for (const command of next) lines.push(`${style.cyan('next:')}  ${command}`);
  return lines.join('\n');
}

/** One line per file; the unremarkable files of a source folder share one line. */
function group(files: readonly InitFile[]): { label: string; what: string }[] {
  const lines: { label: string; what: string }[] = [];
  const counts = new Map<string, number>();
  for (const { path, status, added, edited } of files) {
    const folder = /^stack\/(?!\.env$)/.test(path) ? 'stack/' : undefined;
    if (folder && (status === 'created' || status === 'unchanged')) {
      const key = `${folder} ${status}`;
      if (!counts.has(key)) lines.push({ label: folder, what: key });
      counts.set(key, (counts.get(key) ?? 0) + 1);
    } else if (status === 'differs') {
      lines.push({
        label: path,
        what: edited ? 'differs (edited)' : 'differs (template or options changed)',
      });
    } else if (status === 'updated' && added) {
      lines.push({
        label: path,
        what: `updated: ${count(added.length, path.endsWith('.env') ? 'key' : 'line')} added`,
      });
    } else {
      lines.push({ label: path, what: status });
    }
  }
  return lines.map(({ label, what }) => {
    const number = counts.get(what);
    return number === undefined
      ? { label, what }
      : { label, what: `${count(number, 'file')} ${what.split(' ')[1]}` };
  });
}
