import type { Style } from '../../../output/style.js';
import { table } from '../../../output/table.js';
import { count, formatBytes, formatDuration } from '../../../output/units.js';
import { wrap } from '../../../output/wrap.js';
import {
  type Advice,
  type Column,
  type Inspection,
  type SectionLook,
  visible,
} from '../../../services/database/inspect.js';

const WORST_FIRST = ['fail', 'warn', 'info'] as const;
const MARKS: Record<Advice['weight'], string> = { fail: '✗', warn: '!', info: '·' };

export interface InspectionLayout {
  style: Style;
  /** Width at which to wrap text and cut rows; infinite on a pipe. */
  columns: number;
  /** Most rows of each section. */
  rows: number;
}

/** An inspection as text for a person: first the findings, each with the next command, then the sections. */
export function inspectionText(inspection: Inspection, layout: InspectionLayout): string {
  const { server, blind, sections } = inspection;
  const { style, columns } = layout;
  const replica = server.replica ? ', a replica: what it counts is its own' : '';
  const head = `${visible(server.database)} on PostgreSQL ${server.release}, up for ${formatDuration(server.uptimeSeconds * 1000)}${replica}`;
  const blocks = [wrap(head, columns, '  ')];
  if (blind) blocks.push(note(`! ${blind.reason}`, blind.next, columns));
  const found = sections.flatMap((section) => section.findings);
  const findings = WORST_FIRST.flatMap((weight) => found.filter((one) => one.weight === weight));
  for (const { weight, message, next } of findings) {
    const paint = { fail: style.red, warn: style.yellow, info: style.cyan }[weight];
    blocks.push(note(`${paint(MARKS[weight])} ${message}`, next, columns));
  }
  blocks.push(...sections.map((section) => sectionText(section, layout)), summary(findings));
  return blocks.join('\n\n');
}

function note(message: string, next: string, columns: number): string {
  return `${wrap(message, columns, '  ')}\n${wrap(`next: ${next}`, columns - 2, '      ', '  ')}`;
}

function summary(findings: readonly Advice[]): string {
  const of = (weight: Advice['weight']) => findings.filter((one) => one.weight === weight).length;
  const dangers = of('fail') + of('warn');
  const told =
    dangers === 0 ? 'Nothing is dangerous' : `${count(dangers, 'danger')} (invctl doctor tells of them, too)`;
  return `${told}; ${count(of('info'), 'hint')}.`;
}

function sectionText(section: SectionLook, { style, columns, rows: most }: InspectionLayout): string {
  const { title, id, meaning, unavailable, rows } = section;
  const lines = [`${style.bold(title)}  ${style.dim(id)}`, style.dim(wrap(meaning, columns - 2, '', '  '))];
  if (unavailable) {
    lines.push(
      `  ${note(`not shown: ${unavailable.reason}`, unavailable.next, columns).replaceAll('\n', '\n  ')}`,
    );
  } else if (rows.length === 0) {
    lines.push('  none');
  } else {
    const names = Object.keys(section.columns);
    const cells = rows
      .slice(0, most)
      .map((row) => names.map((name) => cell(section.columns[name] as Column, row[name])));
    const heading = names.map((name) => (section.columns[name] as Column).title.toUpperCase());
    lines.push(
      ...table(heading, cells)
        .split('\n')
        .map((line) => cut(`  ${line}`, columns)),
    );
    if (rows.length > most) {
      lines.push(
        style.dim(`  … and ${rows.length - most} more: invctl db inspect --section ${id} --rows 50`),
      );
    }
  }
  return lines.join('\n');
}

function cut(line: string, columns: number): string {
  const characters = [...line];
  return characters.length <= columns ? line : `${characters.slice(0, columns - 1).join('')}…`;
}

function cell({ kind }: Column, value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') {
    if (kind === 'bytes') return formatBytes(value);
    if (kind === 'seconds') return formatDuration(value * 1000);
    if (kind === 'percent') return `${value} %`;
    return value.toLocaleString('en');
  }
  // The local time of the server's session would mislead a person in another time zone.
  if (kind === 'time') return `${new Date(String(value)).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return visible(String(value));
}
