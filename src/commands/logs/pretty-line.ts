import wrapAnsi from 'wrap-ansi';
import type { LogEntry } from '../../engine/engine.js';
import type { Style } from '../../output/style.js';
import { type LogLevel, readLogLine } from '../../services/log-levels.js';

/** Fields of every pino line that add nothing beside the service's name. */
const LEFT_OUT = ['pid', 'hostname', 'name', 'v'];
/** In a narrower terminal lines are not wrapped here; the terminal wraps them. */
const FEWEST_COLUMNS = 20;

export interface PrettyLineOptions {
  /** Width of the column with the services' names. */
  nameWidth: number;
  /** Width of the terminal. */
  columns: number;
  style: Style;
}

/**
 * A log line as text for a person: JSON as words, wrapped between words, with the service before every row.
 */
export function prettyLine(entry: LogEntry, { nameWidth, columns, style }: PrettyLineOptions): string {
  const prefix = `${style.dim(`${entry.service.padEnd(nameWidth)} |`)} `;
  const room = columns - nameWidth - 3;
  return describe(entry, style)
    .flatMap((line) => wrap(line, room))
    .map((row) => `${prefix}${row}`.trimEnd())
    .join('\n');
}

function describe(entry: LogEntry, style: Style): string[] {
  const read = readLogLine(entry.line);
  if (!read.fields) return [paint(read.level, entry.line, style)];
  const time = style.dim((read.time ?? entry.time ?? '').slice(11, 23));
  const level = paint(read.level, read.level.toUpperCase().padEnd(5), style);
  const fields = flatten(read.fields).filter(([name]) => !LEFT_OUT.includes(name));
  const [stacks, others] = [fields.filter(isStack), fields.filter((field) => !isStack(field))];
  const rest = others.map(([name, value]) => `${name}=${inWords(value)}`).join(' ');
  return [
    [time, level, read.message, style.dim(rest)].filter((part) => part !== '').join(' '),
    ...stacks.flatMap(([, stack]) =>
      String(stack)
        .split('\n')
        .map((line) => `  ${style.dim(line)}`),
    ),
  ];
}

type Field = readonly [name: string, value: unknown];

/** `req.method` for the `method` in `req`. */
function flatten(fields: Record<string, unknown>, above = ''): Field[] {
  return Object.entries(fields).flatMap(([name, value]): Field[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? flatten(value as Record<string, unknown>, `${above}${name}.`)
      : [[`${above}${name}`, value]],
  );
}

function isStack([name, value]: Field): boolean {
  return /(^|\.)stack$/.test(name) && typeof value === 'string' && value.includes('\n');
}

/** The value unquoted, unless its end would not be visible. */
function inWords(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Indents continued rows like the first one. */
function wrap(line: string, columns: number): string[] {
  if (columns < FEWEST_COLUMNS) return [line];
  const indent = /^ */.exec(line)?.[0].slice(0, columns / 2) ?? '';
  return wrapAnsi(line.slice(indent.length), columns - indent.length, { hard: true })
    .split('\n')
    .map((row) => indent + row);
}

function paint(level: LogLevel, text: string, style: Style): string {
  if (level === 'error' || level === 'fatal') return style.red(text);
  if (level === 'warn') return style.yellow(text);
  return level === 'info' ? text : style.dim(text);
}
