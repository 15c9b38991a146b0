import { relative } from 'node:path';
import type { Severity } from '../../doctor/check.js';
import type { CheckResult, JudgedFinding } from '../../doctor/run.js';
import type { Style } from '../../output/style.js';
import { count } from '../../output/units.js';
import { wrap } from '../../output/wrap.js';
import type { DoctorResult } from '../../services/doctor.js';

/** How many findings of one check are shown in full. */
const TOLD = 3;
const MARKS: Record<Severity, string> = { fail: '✗', warn: '!', info: '·' };

/**
 * The diagnosis as text for a person: the first root cause in the first lines (what, what to type, why), then
 * the others, then their consequences, and a line with the counts.
 *
 * @param columns width to wrap at; infinite on a pipe, so that each finding stays one line.
 */
export function diagnosisText(result: DoctorResult, style: Style, columns: number): string {
  const blocks: string[] = [];
  const { checks } = result;
  const fixes = fixLines(result, style);
  if (result.deployed && result.deployed.orchestrator !== 'unread')
    blocks.push(style.dim(`The production checklist is judged by what runs in ${result.deployed.place}.`));
  if (fixes.length > 0) blocks.push(fixes.join('\n'));
  for (const severity of ['fail', 'warn', 'info'] as const) {
    for (const one of checks.filter(({ outcome }) => outcome === severity)) {
      // Findings without a next step are counted, not shown.
      const findings = one.findings.filter(({ next }) => next !== undefined);
      if (findings.length === 0) continue;
      const alike = mergeAlike(findings);
      const told = checks.length === 1 ? alike : alike.slice(0, TOLD);
      const shown = told.map((finding, index) =>
        findingText(result, one, finding, told[index - 1], { style, columns }),
      );
      if (alike.length > told.length) {
        const more = `  … and ${alike.length - told.length} more: invctl doctor --only ${one.check.id}`;
        shown.push(style.dim(more));
      }
      blocks.push(shown.join('\n'));
    }
  }
  const follows = checks.filter(({ followsFrom }) => followsFrom.length > 0);
  if (follows.length > 0) {
    const names = follows.map(({ check, followsFrom }) => `${check.id} (from ${followsFrom.join(', ')})`);
    blocks.push(wrap(`Follows from it: ${names.join(', ')}`, columns, ''));
  }
  const aside = [...unknownLines(checks), ...crashLines(checks), ...ignoredLines(checks)].map((line) =>
    wrap(line, columns, ''),
  );
  if (aside.length > 0) blocks.push(aside.join('\n'));
  blocks.push(summary(checks, style, columns));
  return blocks.join('\n\n');
}

/** Merges findings on one line that differ only in their service, such as those of a YAML anchor. */
function mergeAlike(findings: readonly JudgedFinding[]): JudgedFinding[] {
  const merged = new Map<string, { first: JudgedFinding; others: string[] }>();
  for (const finding of findings) {
    const { message, next, file, line, service, fixable } = finding;
    const without = (text = '') => (service === undefined ? text : text.replaceAll(service, '\0'));
    const key = JSON.stringify([file, line, without(message), without(next), fixable]);
    const known = merged.get(key);
    if (!known || line === undefined || service === undefined) {
      merged.set(known ? `${key}${merged.size}` : key, { first: finding, others: [] });
    } else if (service !== known.first.service) known.others.push(service);
  }
  return [...merged.values()].map(({ first, others }) =>
    others.length === 0
      ? first
      : { ...first, message: `${first.message} (${others.map((name) => `"${name}"`).join(', ')} too)` },
  );
}

/** @param before the finding above it: text that both have is not repeated. */
function findingText(
  { directory }: DoctorResult,
  { check }: CheckResult,
  finding: JudgedFinding,
  before: JudgedFinding | undefined,
  { style, columns }: { style: Style; columns: number },
): string {
  const severity = finding.severity ?? check.severity;
  const paint = { fail: style.red, warn: style.yellow, info: style.cyan }[severity];
  const where = placeText(directory, finding);
  const head = wrap(`${MARKS[severity]} ${where ? `${where}: ` : ''}${finding.message}`, columns, '  ');
  const mend = finding.next ? wrap(`next: ${finding.next}`, columns - 2, '      ', '  ') : '';
  const reason = finding.why ?? check.why;
  const said =
    before !== undefined && (before.why ?? check.why) === reason && before.fixable === finding.fixable;
  const why = said
    ? ''
    : wrap(`${reason} [${check.id}${finding.fixable ? ', --fix' : ''}]`, columns - 2, '', '  ');
  return [paint(head), mend.replace('next:', style.cyan('next:')), style.dim(why)]
    .filter((line) => line !== '')
    .join('\n');
}

function placeText(directory: string, { file, line }: JudgedFinding): string {
  if (file === undefined) return '';
  const inside = relative(directory, file);
  const shown = inside === '' || inside.startsWith('..') ? file : inside;
  return line === undefined ? shown : `${shown}:${line}`;
}

function fixLines({ fixes, fixed }: DoctorResult, style: Style): string[] {
  const lines: string[] = [];
  for (const { id, summary: what, diff, applied, reason } of fixes) {
    lines.push(
      applied
        ? `${style.green('✓')} ${what} [${id}]`
        : `${style.yellow('–')} left: ${what} [${id}]: ${reason}`,
    );
    if (diff && applied) lines.push(...diff.split('\n').map((line) => `  ${paintDiff(line, style)}`));
  }
  if (fixed.length > 0) lines.push(`Fixed, and checked again: ${fixed.join(', ')}`);
  return lines;
}

/** What `--fix` mends of a check. */
function fixedPart({ check, findings }: CheckResult): string {
  const mended = findings.filter(({ fixable }) => fixable).length;
  return mended === findings.length ? check.id : `${mended} of ${findings.length} of ${check.id}`;
}

function paintDiff(line: string, style: Style): string {
  if (/^(---|\+\+\+)/.test(line)) return style.dim(line);
  if (line.startsWith('+')) return style.green(line);
  return line.startsWith('-') ? style.red(line) : line;
}

function unknownLines(checks: readonly CheckResult[]): string[] {
  return checks
    .filter(({ outcome }) => outcome === 'unknown')
    .map(({ check, reason }) => `? ${check.title}: unknown: ${reason} [${check.id}]`);
}

function crashLines(checks: readonly CheckResult[]): string[] {
  return checks
    .filter(({ outcome }) => outcome === 'crashed')
    .map(({ check, reason }) => `! ${check.id} could not run: ${reason}`);
}

function ignoredLines(checks: readonly CheckResult[]): string[] {
  return checks
    .filter(({ reason }) => reason?.startsWith('ignored in'))
    .map(({ check, reason }) => `${check.id} ${reason}`);
}

function summary(checks: readonly CheckResult[], style: Style, columns: number): string {
  const of = (outcome: CheckResult['outcome']) => checks.filter((one) => one.outcome === outcome).length;
  const skipped = checks.filter(({ outcome, followsFrom }) => outcome === 'skip' && followsFrom.length === 0);
  const parts = [
    ...(of('fail') > 0 ? [style.red(`${of('fail')} failed`)] : []),
    ...(of('warn') > 0 ? [style.yellow(count(of('warn'), 'warning'))] : []),
    style.green(`${of('pass') + of('info')} passed`),
    ...(of('unknown') > 0 ? [`${of('unknown')} unknown`] : []),
    ...(of('crashed') > 0 ? [style.red(`${of('crashed')} could not run`)] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
  ];
  const reasons = new Map<string, number>();
  for (const { reason = '' } of skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const lines = [...reasons].map(([reason, number]) =>
    style.dim(wrap(`  ${number} skipped: ${reason}`, columns, '    ')),
  );
  const clean = of('fail') + of('warn') + of('crashed') + of('unknown') === 0 && of('pass') + of('info') > 0;
  const filesOnly = skipped.some(({ reason }) => reason?.startsWith('no engine'));
  const verdict = filesOnly ? 'Nothing is wrong in the files. ' : `${style.green('✓')} Nothing is wrong. `;
  const healthy = clean ? verdict : '';
  const mended = checks.filter(
    ({ outcome, fixable }) => fixable && (outcome === 'fail' || outcome === 'warn'),
  );
  const next =
    mended.length === 0
      ? []
      : [
          wrap(
            `${style.cyan('next:')} invctl doctor --fix      (fixes ${mended.map(fixedPart).join(', ')})`,
            columns,
            '      ',
          ),
        ];
  return [`${healthy}${parts.join(', ')}`, ...lines, ...next].join('\n');
}
