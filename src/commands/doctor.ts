import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { choice, flag, texts } from '../cli/parameters.js';
import { CHAPTERS, type Check, type FixStep } from '../doctor/check.js';
import { ExitCode, UserError, usageError } from '../errors.js';
import type { DataOf, Zod } from '../output/shapes.js';
import { table } from '../output/table.js';
import { type DoctorResult, examine } from '../services/doctor.js';
import { sarifLog } from './doctor/sarif.js';
import { diagnosisText } from './doctor/text.js';

const ids = { commas: true, offers: checkIds };

export const diagnosis = (z: Zod) =>
  z.object({
    project: z.string(),
    engine: z.enum(['docker', 'embedded', 'none']),
    deployed: z
      .object({ orchestrator: z.enum(['swarm', 'k8s', 'unread']), place: z.string() })
      .optional()
      .describe(
        'with --production: where the checklist was judged, if the project is deployed; unread: it could not be',
      ),
    checks: z.array(
      z.object({
        id: z.string(),
        chapter: z.string(),
        title: z.string(),
        severity: z.enum(['fail', 'warn', 'info']).describe('what a finding of it counts as'),
        outcome: z.enum(['pass', 'fail', 'warn', 'info', 'skip', 'unknown', 'crashed']),
        reason: z.string().optional().describe('why it was skipped, is unknown, or crashed'),
        followsFrom: z.array(z.string()).optional().describe('ids of the causes that mute it'),
        findings: z.array(
          z.object({
            message: z.string(),
            why: z.string(),
            next: z.string().describe('what to type or to edit; empty where there is nothing to do'),
            file: z.string().optional().describe('absolute path'),
            line: z.int().optional(),
            service: z.string().optional(),
            fixable: z.boolean(),
            details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
          }),
        ),
      }),
    ),
    rootCauses: z.array(z.string()).describe('ids of what has to be mended, the worst first'),
    fixed: z.array(z.string()).describe('ids that --fix turned green'),
    fixes: z.array(
      z.object({
        id: z.string(),
        summary: z.string(),
        diff: z.string().optional(),
        applied: z.boolean(),
        reason: z.string().optional().describe('why it was left'),
      }),
    ),
  });
type Diagnosis = DataOf<typeof diagnosis>;

const checkList = (z: Zod) =>
  z.object({
    checks: z.array(
      z.object({
        id: z.string(),
        chapter: z.string(),
        title: z.string(),
        severity: z.enum(['fail', 'warn', 'info']),
        fix: z.enum(['safe', 'ask']).optional(),
        docs: z.string().describe('page of the guide'),
      }),
    ),
  });
type CheckList = DataOf<typeof checkList>;

export default command({
  summary: 'what is wrong with the project, why, and how to fix it',
  examples: ['invctl doctor', 'invctl doctor --fix', 'invctl doctor --production --strict'],
  flags: {
    fix: flag('fix what can be fixed, show the difference, and check again; never touches data'),
    only: texts('ids', 'only these checks, separated by commas', ids),
    skip: texts('ids', 'all but these checks', ids),
    production: flag(
      "judge the production checklist's twelve items as well, of what is deployed where it is",
    ),
    strict: flag('warnings count: exit code 5'),
    list: flag('the checks, without running them'),
    format: choice('format', ['text', 'json', 'sarif'], 'of the result'),
  },
  notes: 'Exit code: 0 nothing wrong, 5 findings, 1 a check could not run, 4 no project here.',
  data: (z) => z.union([diagnosis(z), checkList(z)]),
  async run(context, { flags }) {
    if (flags.list) return listChecks();
    if (context.output.json && flags.format !== undefined && flags.format !== 'json') {
      throw usageError(`--json and --format ${flags.format} exclude each other`, 'invctl doctor --help');
    }
    const result = await examine(context, {
      only: flags.only,
      skip: flags.skip,
      production: flags.production,
      engine: context.settings.engine,
      ...(flags.fix ? { fix: fixPolicy(context) } : {}),
    });
    const exitCode = exitCodeOf(result, flags.strict);
    if (flags.format === 'sarif') {
      context.output.printLine(JSON.stringify(sarifLog(result), null, 2));
      return { exitCode };
    }
    const columns = process.stdout.isTTY ? context.output.columns : Number.POSITIVE_INFINITY;
    return {
      data: dataOf(result, context.output.typed),
      text: diagnosisText(result, context.output.style, columns),
      exitCode,
    };
  },
});

/**
 * Decides about fixes that need a yes: `--yes` allows them, a person at the terminal is asked, a script gets
 * a message.
 */
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

/** @param typed turns a command into what a person types in the examined environment */
export function dataOf(
  { project, engine, deployed, checks, rootCauses, fixed, fixes }: DoctorResult,
  typed: (text: string) => string = (text) => text,
): Diagnosis {
  return {
    project,
    engine,
    ...(deployed ? { deployed } : {}),
    checks: checks.map(({ check, outcome, reason, findings, followsFrom }) => ({
      id: check.id,
      chapter: check.chapter,
      title: check.title,
      severity: check.severity,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      ...(followsFrom.length > 0 ? { followsFrom } : {}),
      findings: findings.map(({ message, why, next, file, line, service, fixable, details }) => ({
        message,
        why: why ?? check.why,
        next: typed(next ?? ''),
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

async function checkIds(): Promise<string[]> {
  const { CHECKS } = await import('../doctor/registry.js');
  return CHECKS.map(({ id }) => id);
}

async function listChecks() {
  const { CHECKS } = await import('../doctor/registry.js');
  const data: CheckList = { checks: CHECKS.map(listed) };
  const rows = data.checks.map(({ id, severity, fix = '', chapter, title }) => [
    id,
    severity,
    fix,
    chapter,
    title,
  ]);
  return { data, text: table(['CHECK', 'WEIGHT', 'FIX', 'CHAPTER', 'WHAT IT FINDS'], rows) };
}

function listed({ id, chapter, title, severity, fix }: Check): CheckList['checks'][number] {
  return {
    id,
    chapter: CHAPTERS[chapter],
    title,
    severity,
    ...(fix ? { fix: fix.safety } : {}),
    docs: `docs/guide/${chapter}.md`,
  };
}
