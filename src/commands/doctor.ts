import { type Command, Option } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { CHAPTERS, type Check, type FixStep } from '../doctor/check.js';
import { ExitCode, UserError, usageError } from '../errors.js';
import type { DoctorData, DoctorList } from '../output/schemas.js';
import { table } from '../output/table.js';
import { type DoctorResult, examine } from '../services/doctor.js';
import { sarifLog } from './doctor/sarif.js';
import { diagnosisText } from './doctor/text.js';

interface Flags {
  fix?: boolean;
  only: string[];
  skip: string[];
  production?: boolean;
  list?: boolean;
  strict?: boolean;
  format?: 'text' | 'json' | 'sarif';
}

export function define(program: Command, handle: Handle): void {
  const ids = (value: string, values: string[]) => [
    ...values,
    ...value
      .split(',')
      .map((id) => id.trim())
      .filter((id) => id !== ''),
  ];
  const command = declare(program, 'doctor', 'what is wrong with the project, why, and how to mend it', [
    'invctl doctor',
    'invctl doctor --fix',
    'invctl doctor --production --strict',
  ])
    .option('--fix', 'mend what can be mended, show the difference, and examine again; never touches data')
    .option('--only <ids>', 'only these checks, separated by commas', ids, [])
    .option('--skip <ids>', 'all but these checks', ids, [])
    .option('--production', "judge the production checklist's twelve items as well")
    .option('--strict', 'warnings count: exit code 5')
    .option('--list', 'the checks, without running them')
    .addOption(new Option('--format <format>', 'of the result').choices(['text', 'json', 'sarif']))
    .addHelpText(
      'after',
      '\nExit code: 0 nothing wrong, 5 findings, 1 a check could not judge, 4 no project here.\n',
    );
  handle<Flags>(command, async (context, { options: flags }) => {
    if (flags.list) return listChecks();
    if (context.output.json && flags.format !== undefined && flags.format !== 'json') {
      throw usageError(`--json and --format ${flags.format} exclude each other`, 'invctl doctor --help');
    }
    const result = await examine(context, {
      only: flags.only,
      skip: flags.skip,
      production: flags.production ?? false,
      engine: context.settings.engine,
      ...(flags.fix ? { fix: fixPolicy(context) } : {}),
    });
    const exitCode = exitCodeOf(result, flags.strict ?? false);
    if (flags.format === 'sarif') {
      context.output.printLine(JSON.stringify(sarifLog(result), null, 2));
      return { exitCode };
    }
    const columns = process.stdout.isTTY ? context.output.columns : Number.POSITIVE_INFINITY;
    return {
      data: dataOf(result),
      text: diagnosisText(result, context.output.style, columns),
      exitCode,
    };
  });
}

/** What needs a yes: `--yes` gives it, a person at the terminal is asked, a script is told. */
function fixPolicy({ prompts, settings, output }: Context) {
  return {
    declined: settings.yes || prompts.canAsk ? 'you said no' : 'it needs a yes: invctl doctor --fix --yes',
    async agrees({ summary, diff }: FixStep): Promise<boolean> {
      if (!settings.yes && !prompts.canAsk) return false;
      if (!settings.yes && diff) output.note(diff);
      try {
        await prompts.confirm(`${summary}?`);
        return true;
      } catch (error) {
        if (error instanceof UserError && error.code === 'CANCELLED') return false;
        throw error;
      }
    },
  };
}

export function exitCodeOf({ checks }: DoctorResult, strict: boolean): number {
  const outcomes = new Set(checks.map(({ outcome }) => outcome));
  if (outcomes.has('fail') || (strict && outcomes.has('warn'))) return ExitCode.findings;
  return outcomes.has('crashed') ? ExitCode.failure : ExitCode.ok;
}

export function dataOf({ project, engine, checks, rootCauses, fixed, fixes }: DoctorResult): DoctorData {
  return {
    project,
    engine,
    checks: checks.map(({ check, outcome, reason, findings, followsFrom, fixable }) => ({
      id: check.id,
      chapter: check.chapter,
      title: check.title,
      severity: check.severity,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      ...(followsFrom.length > 0 ? { followsFrom } : {}),
      findings: findings.map(({ message, why, next, file, line, service, details }) => ({
        message,
        why: why ?? check.why,
        next: next ?? '',
        ...(file === undefined ? {} : { file }),
        ...(line === undefined ? {} : { line }),
        ...(service === undefined ? {} : { service }),
        fixable,
        ...(details ? { details } : {}),
      })),
    })),
    rootCauses,
    fixed,
    fixes,
  };
}

async function listChecks() {
  const { CHECKS } = await import('../doctor/registry.js');
  const data: DoctorList = { checks: CHECKS.map(listed) };
  const rows = data.checks.map(({ id, severity, fix = '', chapter, title }) => [
    id,
    severity,
    fix,
    chapter,
    title,
  ]);
  return { data, text: table(['CHECK', 'WEIGHT', 'FIX', 'CHAPTER', 'WHAT IT FINDS'], rows) };
}

function listed({ id, chapter, title, severity, fix }: Check): DoctorList['checks'][number] {
  return {
    id,
    chapter: CHAPTERS[chapter],
    title,
    severity,
    ...(fix ? { fix: fix.safety } : {}),
    docs: `docs/guide/${chapter}.md`,
  };
}
