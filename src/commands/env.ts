import { relative } from 'node:path';
import { command, group } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { flag, optional, rest, texts } from '../cli/parameters.js';
import { ExitCode, UserError, usageError } from '../errors.js';
import type { Zod } from '../output/shapes.js';
import type { Style } from '../output/style.js';
import { table } from '../output/table.js';
import { compareEnvironments } from '../services/compare-environments.js';
import {
  diffEnvironment,
  type EnvFileDifference,
  explainEnvironment,
  type VariableReport,
} from '../services/environment.js';
import type { LiveReport, StaleVariable } from '../services/live-environment.js';
import { comparisonText } from './env/compare.js';

const LIST_FLAGS = {
  live: flag('compare with what the running containers have'),
  showValues: flag('show secrets too: on a terminal, or with --yes'),
};

const sourcePlace = (z: Zod) => ({
  file: z.string().optional(),
  line: z.int().optional().describe('1-based'),
});
const sourceKind = (z: Zod) => z.enum(['run', 'environment', 'env_file', 'image']);
const environmentVariable = (z: Zod) =>
  z.object({
    service: z.string(),
    name: z.string(),
    set: z.boolean().describe('false: unset in the container, whatever weaker sources say'),
    value: z.string().nullable(),
    redacted: z.boolean().describe('the value is not shown, or only in part'),
    source: z.object({ kind: sourceKind(z), ...sourcePlace(z) }),
    shadowed: z
      .array(z.object({ kind: sourceKind(z), ...sourcePlace(z), value: z.string().nullable() }))
      .describe('what lost, strongest first'),
    interpolated: z
      .array(
        z.object({
          name: z.string(),
          set: z.boolean(),
          source: z.object({
            kind: z.enum(['shell', 'dotenv', 'env_file', 'client', 'compose', 'unset']),
            ...sourcePlace(z),
          }),
        }),
      )
      .describe('the ${…} and the bare name that took part, and where each came from'),
  });
const liveEnvironment = (z: Zod) =>
  z.object({
    service: z.string(),
    instance: z.string().optional().describe('container, or process id; absent: none runs'),
    compared: z.boolean().describe('false: none runs, or its environment cannot be read'),
    stale: z.array(
      z.object({
        name: z.string(),
        change: z.enum(['changed', 'added', 'removed']).describe('in the files, since it was made'),
        value: z
          .string()
          .nullable()
          .describe('what it has; [redacted] without --show-values, null where it has none'),
        fromShell: z.boolean().describe('a variable of the shell took part'),
      }),
    ),
    next: z.string().optional().describe('the command that recreates it'),
  });
const environmentVariables = (z: Zod) =>
  z.object({
    variables: z.array(environmentVariable(z)),
    live: z.array(liveEnvironment(z)).optional().describe('with --live'),
  });

const explain = command({
  summary: 'which source gives a variable its value, and which sources it overrides',
  examples: [
    'invctl env explain DATABASE_HOST',
    'invctl env explain DATABASE_HOST --run DATABASE_HOST=other',
    'invctl env explain --live',
  ],
  args: { variable: optional('name; all variables without one', { offers: 'variables' }) },
  flags: {
    service: texts('service', 'only this service', { short: 's', offers: 'services' }),
    run: texts('NAME[=value]', 'as if it were given to `run -e`', { offers: 'variables', parse: runEntry }),
    ...LIST_FLAGS,
  },
  data: environmentVariables,
  async run(context, { args: { variable }, flags }) {
    const explained = await explainEnvironment(context, {
      variable,
      services: flags.service,
      run: flags.run,
      showValues: mayShowValues(context, flags.showValues),
      live: flags.live,
    });
    const place = placeIn(context.project().directory);
    return {
      data: explained,
      text: [
        explained.variables.map((one) => explanation(one, place, context.output.style)).join('\n\n') ||
          'no service sets a variable',
        ...comparisonLines(explained.live),
      ].join('\n'),
    };
  },
});

const list = command({
  summary: 'the environment that each service gets',
  examples: ['invctl env list api'],
  args: { services: rest('service', 'services; all without one', { offers: 'services' }) },
  flags: LIST_FLAGS,
  data: environmentVariables,
  async run(context, { args: { services }, flags }) {
    const explained = await explainEnvironment(context, {
      services,
      showValues: mayShowValues(context, flags.showValues),
      live: flags.live,
    });
    const place = placeIn(context.project().directory);
    const rows = explained.variables.map(({ service, name, source, set, value }) => [
      service,
      name,
      `${source.kind} ${place(source)}`.trimEnd(),
      set ? printable(value) : '(unset)',
    ]);
    return {
      data: explained,
      text: [
        rows.length > 0
          ? table(['SERVICE', 'VARIABLE', 'SOURCE', 'VALUE'], rows)
          : 'no service sets a variable',
        ...comparisonLines(explained.live),
      ].join('\n'),
    };
  },
});

const fileDifferences = (z: Zod) =>
  z.object({
    files: z.array(
      z.object({
        file: z.string(),
        example: z.string(),
        absent: z.boolean(),
        missing: z.array(z.string()),
        extra: z.array(z.string()),
        placeholders: z.array(z.string()).describe("secrets that still have the example's value"),
      }),
    ),
  });
const comparedProject = (z: Zod) =>
  z.object({
    environment: z.string().nullable().describe('null: the project without one'),
    project: z.string(),
    files: z.array(z.string()),
  });
const comparedValue = (z: Zod) =>
  z.object({
    set: z.boolean(),
    value: z.string().nullable(),
    redacted: z.boolean(),
    source: z
      .object({ kind: sourceKind(z), ...sourcePlace(z) })
      .nullable()
      .describe('null: nothing there says anything about it'),
  });
const environmentComparison = (z: Zod) =>
  z.object({
    left: comparedProject(z),
    right: comparedProject(z),
    variables: z.array(
      z.object({
        service: z.string(),
        name: z.string(),
        left: comparedValue(z),
        right: comparedValue(z),
        same: z.boolean().describe('of secrets too, whose values are not shown'),
      }),
    ),
    shared: z
      .array(
        z.object({
          kind: z.enum(['port', 'volume', 'folder', 'network', 'container', 'secret']),
          name: z.string(),
        }),
      )
      .describe('what both use, were they on one machine'),
  });

const diff = command({
  summary: 'env files against their examples, or two environments side by side',
  examples: [
    'invctl env diff',
    'invctl env diff staging production',
    'invctl env diff production      (the project as it is against one)',
  ],
  args: {
    first: optional('environment of invctl.yaml', { offers: 'environments' }),
    second: optional('what it is compared with', { offers: 'environments' }),
  },
  flags: { showValues: LIST_FLAGS.showValues },
  data: (z) => z.union([fileDifferences(z), environmentComparison(z)]),
  async run(context, { args: { first, second }, flags }) {
    const showValues = mayShowValues(context, flags.showValues);
    if (first !== undefined) {
      const [left, right] = second === undefined ? [undefined, first] : [first, second];
      const result = await compareEnvironments(context, { left, right, showValues });
      return { data: result, text: comparisonText(result, context.directory, context.output.style) };
    }
    const files = await diffEnvironment(context);
    const { directory } = context.project();
    return {
      data: { files },
      text:
        files.map((one) => comparison(one, directory)).join('\n') || 'no env file has an example beside it',
    };
  },
});

export default group({
  summary: 'where the environment of each service comes from',
  examples: ['invctl env explain DATABASE_HOST', 'invctl env diff'],
  commands: { explain, list, diff },
});

const CHANGES: Record<StaleVariable['change'], string> = {
  changed: 'has another value than the files give it now',
  added: 'is not in it yet',
  removed: 'is still in it, and in no file',
};

/** The comparison with what runs, after an empty line. */
function comparisonLines(live: readonly LiveReport[] | undefined): string[] {
  if (!live) return [];
  const lines = live.flatMap(({ service, instance, compared, stale, next }) => {
    if (instance === undefined) return [`${service}: not running`];
    const title = `${service} (${instance})`;
    if (!compared) return [`${title}: its environment cannot be compared`];
    if (stale.length === 0) return [`${title}: up to date with the files`];
    return [
      `${title} has old values; recreate it with: ${next}`,
      ...stale.map(({ name, change, value, fromShell }) => {
        const has = value === null ? '' : ` (${printable(value)})`;
        return `  ${name} ${CHANGES[change]}${has}${fromShell ? '; that value comes from this shell' : ''}`;
      }),
    ];
  });
  return ['', ...lines];
}

function runEntry(entry: string): string {
  if (/^[^\s=]+(=|$)/.test(entry)) return entry;
  throw usageError(`--run "${entry}" does not begin with the name of a variable`, '--run NAME=value');
}

function mayShowValues({ settings }: Context, showValues: boolean): boolean {
  if (showValues && !process.stdout.isTTY && !settings.yes) {
    throw new UserError({
      code: 'CONFIRMATION_NEEDED',
      message: '--show-values would write secrets to a file or a pipe',
      hint: 'add --yes if that is meant',
      exitCode: ExitCode.confirmationNeeded,
    });
  }
  return showValues;
}

type Place = (source: { file?: string; line?: number }) => string;

function placeIn(directory: string): Place {
  return ({ file, line }) => (file === undefined ? '' : `${relative(directory, file)}:${line}`);
}

/** A value on one line. */
function printable(value: string | null): string {
  return value === null ? '(unset)' : value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}

function explanation(variable: VariableReport, place: Place, style: Style): string {
  const { service, name, set, value, source, shadowed, interpolated } = variable;
  const rows = [
    ['from', source.kind, place(source), ''],
    ...shadowed.map((one) => ['shadows', one.kind, place(one), printable(one.value)]),
    ...interpolated.map((one) => ['uses', `\${${one.name}}`, one.source.kind, place(one.source)]),
  ];
  const [, ...lines] = table(['', '', '', ''], rows).split('\n');
  const heading = `${style.dim(service)}  ${style.bold(name)}${set ? `=${printable(value)}` : ' is unset'}`;
  return [heading, ...lines.map((line) => `  ${line}`)].join('\n');
}

function comparison(
  { file, example, absent, missing, extra, placeholders }: EnvFileDifference,
  directory: string,
) {
  const lines = [
    ...(absent ? ['  is not there'] : []),
    ...missing.map((name) => `  lacks ${name}`),
    ...extra.map((name) => `  has ${name}, which the example lacks`),
    ...placeholders.map((name) => `  keeps the example's ${name}`),
  ];
  const title = `${relative(directory, file)} against ${relative(directory, example)}`;
  return lines.length > 0 ? [title, ...lines].join('\n') : `${title}: nothing is missing`;
}
