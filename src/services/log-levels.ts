/** From least to most serious, as pino orders them. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The parts of a log line that could be parsed. */
export interface ReadLine {
  level: LogLevel;
  /** ISO time that the program itself wrote. */
  time?: string;
  message: string;
  /** The other fields of a JSON line. */
  fields?: Record<string, unknown>;
}

// PostgreSQL's severities: https://www.postgresql.org/docs/current/runtime-config-logging.html
const POSTGRES_SEVERITY: Record<string, LogLevel> = {
  DEBUG: 'debug',
  LOG: 'info',
  INFO: 'info',
  NOTICE: 'info',
  STATEMENT: 'info',
  DETAIL: 'info',
  HINT: 'info',
  WARNING: 'warn',
  ERROR: 'error',
  FATAL: 'fatal',
  PANIC: 'fatal',
};

/** Reads pino's JSON lines and PostgreSQL's text lines; any other line counts as `info`. */
export function readLogLine(line: string): ReadLine {
  if (line.startsWith('{')) {
    const parsed = parseObject(line);
    if (parsed) {
      const { level, time, msg, message, ...fields } = parsed;
      const iso = isoTime(time);
      return {
        level: readLevel(level),
        message: String(msg ?? message ?? ''),
        fields,
        ...(iso ? { time: iso } : {}),
      };
    }
  }
  const severity = /\b(DEBUG\d?|LOG|INFO|NOTICE|STATEMENT|DETAIL|HINT|WARNING|ERROR|FATAL|PANIC):\s/.exec(
    line,
  );
  const level = severity ? POSTGRES_SEVERITY[(severity[1] as string).replace(/\d$/, '')] : undefined;
  return { level: level ?? 'info', message: line };
}

export function atLeast(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function readLevel(level: unknown): LogLevel {
  // pino writes 10 to 60 in steps of ten.
  if (typeof level === 'number')
    return LOG_LEVELS[Math.min(5, Math.max(0, Math.round(level / 10) - 1))] as LogLevel;
  const name = String(level).toLowerCase();
  const known = LOG_LEVELS.find((candidate) => candidate === name);
  return known ?? (name === 'warning' ? 'warn' : 'info');
}

function isoTime(time: unknown): string | undefined {
  if (typeof time !== 'number' && typeof time !== 'string') return undefined;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
