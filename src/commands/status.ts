import type { NewestBackup } from '../backup/newest.js';
import type { KnownProtection } from '../backup/protection/receiver-state.js';
import { command } from '../cli/command.js';
import { sayWindow } from '../output/moments.js';
import { serviceRow, serviceTable } from '../output/service-table.js';
import { deployedPlace, serviceList } from '../output/shapes.js';
import type { Style } from '../output/style.js';
import { formatBytes, formatDuration } from '../output/units.js';
import type { AppStatus } from '../services/app-status.js';
import type { FiringAlert } from '../services/firing-alerts.js';
import { projectStatus } from '../services/status.js';
import { deployedLines, placeOf } from './deployed-lines.js';
import { environmentLine } from './environment-line.js';

export default command({
  summary: 'what `ps` shows, where to log in, and the database: size, migrations, last backup',
  examples: ['invctl status', 'invctl status --json'],
  data: (z) =>
    serviceList(z).extend({
      deployed: deployedPlace(z),
      app: z
        .object({
          service: z.string(),
          url: z.string().optional(),
          forward: z
            .string()
            .optional()
            .describe('command that makes a port of another machine one of this machine'),
          docs: z.string().optional().describe('absent: nothing answers there'),
          login: z.object({ user: z.string(), password: z.string().describe('where it lies') }).optional(),
        })
        .optional(),
      database: z.union([
        z.object({
          reachable: z.literal(true),
          name: z.string(),
          version: z.string(),
          bytes: z.int(),
          user: z.string(),
          password: z.string().describe('where it lies'),
          migrations: z.object({ applied: z.int(), pending: z.array(z.string()) }).optional(),
        }),
        z.object({ reachable: z.literal(false), reason: z.string() }),
      ]),
      backup: z
        .object({
          file: z.string(),
          bytes: z.int(),
          takenAt: z.string().describe('ISO time'),
          level: z
            .int()
            .describe('how it was verified: 0 hash, 1 full read, 2 restored, 3 compared row by row'),
          ageHours: z.number(),
          tooOld: z.boolean().describe('older than backup.maxAgeHours of invctl.yaml'),
        })
        .optional()
        .describe('the newest verified one'),
      protection: z
        .object({
          receiver: z.enum(['receiving', 'waiting', 'refused', 'silent']),
          message: z.string().describe('what is wrong; else empty'),
          windows: z
            .array(z.object({ from: z.string().describe('ISO time'), until: z.string() }))
            .describe('of which every second can be brought back, oldest first'),
        })
        .optional()
        .describe('absent: it is off'),
      alerts: z
        .array(
          z.object({
            name: z.string(),
            severity: z.string().describe('critical, warning, or what the rule says; may be empty'),
            summary: z.string(),
            description: z.string().describe('what it means, and what to type'),
            since: z.string().describe('ISO time'),
          }),
        )
        .optional()
        .describe('what fires, the worst first; absent: the project has no Alertmanager that answers'),
    }),
  async run(context) {
    const { protection, deployed, ...result } = await projectStatus(context);
    const { style } = context.output;
    const now = new Date();
    const { database, backup } = result;
    const age = ({ ageHours, tooOld }: NewestBackup) => {
      const old = `${formatDuration(ageHours * 3_600_000)} old`;
      return tooOld
        ? style.yellow(`${old}: too old; take one with: invctl db backup${deployed ? ' --deployed' : ''}`)
        : old;
    };
    const lines = [
      ...(deployed
        ? [...environmentLine(context.project()), ...deployedLines(result.project, deployed, style)]
        : [
            `${style.bold(result.project)} on ${result.engine === 'docker' ? 'Docker' : 'the embedded engine'}`,
            ...environmentLine(context.project()),
            '',
            result.services.length > 0
              ? serviceTable(result.services, style, now)
              : 'not up; start it with: invctl up',
          ]),
      '',
      ...appLines(result.app, style),
      database.reachable
        ? `database    ${database.name}, PostgreSQL ${database.version}, ${formatBytes(database.bytes)}; user ${database.user}, password: ${database.password}`
        : `database    ${database.reason}`,
    ];
    if (database.reachable && database.migrations) {
      const { applied, pending } = database.migrations;
      lines.push(
        `migrations  ${applied} applied, ${pending.length === 0 ? 'none pending' : style.yellow(`${pending.length} pending: ${pending.join(', ')}`)}`,
      );
    }
    lines.push(
      backup
        ? `backup      ${backup.file}, ${formatBytes(backup.bytes)}, ${age(backup)}`
        : `backup      ${style.yellow(`none; take one with: invctl db backup${deployed ? ' --deployed' : ''}`)}`,
    );
    if (protection) lines.push(`protection  ${sayProtection(protection, style, now)}`);
    if (result.alerts) lines.push(...alertLines(result.alerts, style, now));
    return {
      data: {
        ...result,
        services: result.services.map((status) => serviceRow(status)),
        ...(deployed ? { deployed: placeOf(deployed) } : {}),
        ...(protection ? { protection: { ...protection, windows: protection.windows.map(inIsoTime) } } : {}),
      },
      text: lines.join('\n'),
    };
  },
});

function alertLines(alerts: readonly FiringAlert[], style: Style, now: Date): string[] {
  if (alerts.length === 0) return ['alerts      none'];
  return alerts.flatMap(({ name, severity, summary, description, since }, index) => {
    const paint = severity === 'critical' ? style.red : style.yellow;
    const age = formatDuration(now.getTime() - Date.parse(since));
    return [
      `${(index === 0 ? 'alerts' : '').padEnd(10)}  ${paint(`${severity || 'alert'}: ${summary || name}`)}, for ${age} [${name}]`,
      ...(description === '' ? [] : [`            ${description}`]),
    ];
  });
}

function sayProtection({ receiver, message, windows }: KnownProtection, style: Style, now: Date): string {
  const newest = windows.at(-1);
  const said = newest ? sayWindow(newest, now) : 'nothing can be brought back yet';
  if (receiver === 'receiving' && message === '') return said;
  return `${said}; ${style.yellow(`${message}; see: invctl db protect status`)}`;
}

function inIsoTime({ from, until }: KnownProtection['windows'][number]) {
  return { from: from.toISOString(), until: until.toISOString() };
}

function appLines(app: AppStatus | undefined, style: Style): string[] {
  if (!app) return [];
  const { service, url, forward, docs, login } = app;
  return [
    ...(url === undefined ? [] : [`url         ${style.cyan(url)}`]),
    ...(forward === undefined
      ? []
      : [`url         from here by ${style.bold(`invctl open ${service}`)}, or: ${forward}`]),
    ...(docs === undefined ? [] : [`docs        ${style.cyan(docs)}`]),
    ...(login ? [`login       ${login.user}, password: ${login.password}`] : []),
  ];
}
