import { relative } from 'node:path';
import type { Command } from 'commander';
import { declare, declareGroup, type Handle } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { ExitCode, UserError, usageError } from '../errors.js';
import type { Style } from '../output/style.js';
import { table } from '../output/table.js';
import {
  diffEnvironment,
  type EnvFileDifference,
  explainEnvironment,
  type VariableReport,
} from '../services/environment.js';
import type { LiveReport, StaleVariable } from '../services/live-environment.js';

const LIVE = 'compare with what the running containers have';

interface ListOptions {
  showValues?: boolean;
  live?: boolean;
}

interface ExplainOptions extends ListOptions {
  service: string[];
  run: string[];
}

export function define(program: Command, handle: Handle): void {
  const group = declareGroup(program, 'env', 'where the environment of each service comes from', [
    'invctl env explain DATABASE_HOST',
    'invctl env diff',
  ]);
  const repeatable = (value: string, values: string[]) => [...values, value];

  handle<ExplainOptions>(
    declare(group, 'explain', 'which source gives a variable its value, and what it shadows', [
      'invctl env explain DATABASE_HOST',
      'invctl env explain DATABASE_HOST --run DATABASE_HOST=other',
      'invctl env explain --live',
    ])
      .argument('[variable]', 'name; all variables without one')
      .option('-s, --service <service>', 'only this service', repeatable, [])
      .option('--run <NAME[=value]>', 'as if given to `run -e`', repeatable, [])
      .option('--live', LIVE)
      .option('--show-values', 'show secrets too: on a terminal, or with --yes'),
    async (context, { args: [variable], options }) => {
      const explained = await explainEnvironment(context, {
        variable,
        services: options.service,
        run: options.run.map(runEntry),
        showValues: mayShowValues(context, options),
        live: options.live ?? false,
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
  );

  handle<ListOptions>(
    declare(group, 'list', 'the environment that each service gets', ['invctl env list api'])
      .argument('[service...]', 'services; all without one')
      .option('--live', LIVE)
      .option('--show-values', 'show secrets too: on a terminal, or with --yes'),
    async (context, { args: [services], options }) => {
      const explained = await explainEnvironment(context, {
        services,
        showValues: mayShowValues(context, options),
        live: options.live ?? false,
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
  );

  handle(
    declare(group, 'diff', 'what each env file lacks against the example beside it', ['invctl env diff']),
    async (context) => {
      const files = await diffEnvironment(context);
      const { directory } = context.project();
      return {
        data: { files },
        text:
          files.map((one) => comparison(one, directory)).join('\n') || 'no env file has an example beside it',
      };
    },
  );
}

const CHANGES: Record<StaleVariable['change'], string> = {
  changed: 'has another value than the files give it now',
  added: 'is not in it yet',
  removed: 'is still in it, and in no file',
};

/** What runs, after an empty line. */
function comparisonLines(live: readonly LiveReport[] | undefined): string[] {
  if (!live) return [];
  const lines = live.flatMap(({ service, instance, compared, stale, next }) => {
    if (instance === undefined) return [`${service}: nothing of it runs`];
    const title = `${service} (${instance})`;
    if (!compared) return [`${title}: its environment cannot be compared`];
    if (stale.length === 0) return [`${title}: has what the files say`];
    return [
      `${title} is stale; to make it anew: ${next}`,
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
  throw usageError(`--run "${entry}" names no variable`, '--run NAME=value');
}

function mayShowValues({ settings }: Context, { showValues = false }: ListOptions): boolean {
  if (showValues && !process.stdout.isTTY && !settings.yes) {
    throw new UserError({
      code: 'CONFIRMATION_NEEDED',
      message: '--show-values would write secrets to something that is no terminal',
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
