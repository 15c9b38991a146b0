import { relative } from 'node:path';
import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { flag, text } from '../cli/parameters.js';
import { ExitCode, usageError } from '../errors.js';
import { count } from '../output/units.js';
import { type AbortResult, abortUpgrade } from '../services/upgrade/abort.js';
import { type UpgradeFile, type UpgradeResult, upgradeProject } from '../services/upgrade/upgrade.js';

/** How many files of one folder that need no attention get a line each. */
const LINES_A_FOLDER = 3;

export default command({
  summary: 'merge what changed in the template into what you changed',
  examples: ['invctl upgrade --diff      (what would change?)', 'invctl upgrade', 'invctl upgrade --abort'],
  flags: {
    to: text('version', 'version of the template', { otherwise: 'that of this invctl' }),
    diff: flag('write nothing, show what would change'),
    abort: flag('put every file back to what it was before the last upgrade'),
  },
  notes:
    'Where both changed the same lines, both stand in the file between markers:\nexit code 1. Files that you deleted stay deleted; secrets and existing\nmigrations are never changed.',
  data: (z) =>
    z.object({
      directory: z.string(),
      name: z.string(),
      from: z.string().describe('version of the template'),
      to: z.string(),
      applied: z.boolean().describe('false: nothing had to be written, or --diff'),
      aborted: z.boolean().describe('with --abort: the files are as before the last upgrade'),
      files: z.array(
        z.object({
          path: z.string(),
          from: z.string().optional().describe('path that it had, or that the template has it at'),
          status: z.enum(['created', 'updated', 'merged', 'removed', 'conflict', 'kept', 'restored']),
          kind: z
            .enum(['lines', 'binary', 'invalid', 'not-a-file', 'taken'])
            .optional()
            .describe('of a conflict; only with lines are there markers in the file'),
          lines: z.array(z.int()).optional().describe('1-based, where the conflicts begin'),
          baseUnknown: z.boolean().optional().describe('compared without what the scaffold was made from'),
          reason: z.enum(['deleted', 'edited', 'migration']).optional().describe('why it is kept'),
          added: z.array(z.string()).optional().describe('keys or lines'),
          theirs: z.string().optional().describe("the template's version, where it is not in the file"),
          diff: z.string().optional().describe('unified, with --diff; credentials read [redacted]'),
        }),
      ),
      conflicts: z.int(),
      migrations: z.array(z.string()).describe('new ones'),
      uncommitted: z.array(z.string()).describe('files that git has no commit of as they were'),
      copies: z.string().optional().describe('folder of the copies of files that were edited since'),
      next: z.array(z.string()),
    }),
  async run(context, { flags: { to, diff, abort } }) {
    if (!abort) return reportUpgrade(context, await upgradeProject(context, { to, diff }), diff);
    if (diff || to !== undefined)
      throw usageError('--abort goes with no other option', 'invctl upgrade --abort');
    return reportAbort(context, await abortUpgrade(context));
  },
});

function reportUpgrade(context: Context, result: UpgradeResult, diff: boolean) {
  const { style } = context.output;
  const next = nextCommands(result, diff);
  const data = { ...result, aborted: false, next };
  const lines = [`${style.bold(result.name)} in ${result.directory}, template ${versions(result)}`];
  const rows = fileRows(result.files);
  const width = Math.max(0, ...rows.map(({ label }) => label.length));
  for (const { label, what, weight } of rows) {
    const paint = { good: style.green, quiet: style.dim, bad: style.red }[weight];
    lines.push(`  ${label.padEnd(width)}  ${paint(what)}`);
  }
  for (const file of result.files) if (file.diff) lines.push('', file.diff.trimEnd());
  lines.push('');
  if (diff) lines.push('Nothing was written.');
  else if (!result.applied) lines.push('It is what the template makes: nothing was changed.');
  else if (result.files.length === 0)
    lines.push('No file of yours changed; what the scaffold was made from is on record.');
  if (result.conflicts > 0 && !diff) {
    lines.push(
      `${count(result.conflicts, 'conflict')}: edit the files above, or take it all back with \`invctl upgrade --abort\`.`,
    );
  }
  if (result.uncommitted.length > 0) {
    const [first, ...more] = result.uncommitted;
    context.warn(
      `${first}${more.length > 0 ? ` and ${count(more.length, 'more file')}` : ''} had changes that git has no commit of: they are merged${diff ? '' : ', and `invctl upgrade --abort` brings them back as they were'}`,
    );
  }
  for (const command of next) lines.push(`${style.cyan('next:')}  ${command}`);
  return {
    data,
    text: lines.join('\n'),
    exitCode: result.conflicts > 0 && !diff ? ExitCode.failure : ExitCode.ok,
  };
}

function versions({ from, to, files, applied }: UpgradeResult): string {
  if (from !== to) return `${from} → ${to}`;
  return files.length > 0 || applied ? `${to}, which has changed since` : to;
}

function nextCommands({ conflicts, migrations, applied, files }: UpgradeResult, diff: boolean): string[] {
  if (diff) return files.length > 0 ? ['invctl upgrade'] : [];
  if (!applied || files.length === 0) return [];
  if (conflicts > 0) return ['invctl doctor --only upgrade.conflict      (which lines are left)'];
  return [
    ...(migrations.length > 0
      ? [`invctl db backup      (${count(migrations.length, 'new migration')} to come)`]
      : []),
    'invctl up --build',
  ];
}

interface Row {
  label: string;
  what: string;
  weight: 'good' | 'quiet' | 'bad';
}

/** One line per file that a person has to look at; the other files share one line per folder. */
function fileRows(files: readonly UpgradeFile[]): Row[] {
  const taken = new Map<string, UpgradeFile[]>();
  for (const file of files) {
    if (!isTaken(file)) continue;
    const folder = folderOf(file.path);
    taken.set(folder, [...(taken.get(folder) ?? []), file]);
  }
  const told = new Set<string>();
  return files.flatMap((file): Row[] => {
    const folder = folderOf(file.path);
    const group = isTaken(file) ? (taken.get(folder) ?? []) : [];
    if (group.length <= LINES_A_FOLDER) return [rowOf(file)];
    if (told.has(folder)) return [];
    told.add(folder);
    return [{ label: folder, what: countsOf(group), weight: 'good' }];
  });
}

function isTaken({ status, from, added }: UpgradeFile): boolean {
  return ['created', 'updated', 'removed'].includes(status) && from === undefined && added === undefined;
}

function folderOf(path: string): string {
  return path.includes('/')
    ? `${path.split('/').slice(0, 2).join('/')}${path.split('/').length > 2 ? '/' : ''}`
    : path;
}

function countsOf(files: readonly UpgradeFile[]): string {
  return (['updated', 'created', 'removed'] as const)
    .map((status) => ({ status, number: files.filter((file) => file.status === status).length }))
    .filter(({ number }) => number > 0)
    .map(({ status, number }, index) => `${index === 0 ? count(number, 'file') : number} ${status}`)
    .join(', ');
}

const KEPT = {
  deleted: 'stays deleted (the template changed it)',
  edited: 'stays (the template no longer has it; you edited it)',
  migration: 'stays (the template changed it; a migration may be applied)',
} as const;

const CONFLICTS = {
  binary: 'conflict: no text to merge, yours stays',
  invalid: 'conflict: the merged file would not be valid; yours stays',
  'not-a-file': 'conflict: the template has a file here; what is here stays',
  taken: 'conflict: the template renamed it, and the new name is taken; yours stay',
} as const;

function rowOf({ path, from, status, kind, lines, baseUnknown, reason, added, theirs }: UpgradeFile): Row {
  const renamed = from === undefined ? '' : `, was ${from}`;
  if (status === 'kept') return { label: path, what: reason ? KEPT[reason] : status, weight: 'quiet' };
  if (status === 'conflict') {
    const what =
      kind === undefined || kind === 'lines'
        ? `conflict: line ${lines?.join(', ')}${baseUnknown ? ' (all differences: what it was made from is not kept)' : ''}`
        : `${CONFLICTS[kind]}${theirs ? `; the template's is ${theirs}` : ''}`;
    return { label: path, what: what + renamed, weight: 'bad' };
  }
  if (added) {
    return {
      label: path,
      what: `${count(added.length, path.endsWith('.env') ? 'key' : 'line')} added: ${added.join(', ')}`,
      weight: 'good',
    };
  }
  if (status === 'created' && from) {
    return {
      label: path,
      what: `created (the template's ${from.split('/').at(-1)}; that number is yours)`,
      weight: 'good',
    };
  }
  return {
    label: path,
    what: `${status === 'merged' ? 'merged with your edits' : status}${renamed}`,
    weight: 'good',
  };
}

function reportAbort(context: Context, result: AbortResult) {
  const { output } = context;
  const lines = [
    `${output.style.bold(result.name)}: ${count(result.restored.length, 'file')} as before the upgrade`,
  ];
  if (result.copies) {
    lines.push(
      `Edited since, copies are in ${relative(process.cwd(), result.copies) || result.copies}: ${result.edited.join(', ')}`,
    );
  }
  if (result.migrations.length > 0) {
    context.warn(
      `${count(result.migrations.length, 'migration')} went with it: if \`invctl up\` ran since, the database has ${result.migrations.length === 1 ? 'it' : 'them'}, and the API of before refuses it; restore a backup of before (invctl db list)`,
    );
  }
  const data = {
    directory: result.directory,
    name: result.name,
    from: result.from,
    to: result.to,
    applied: true,
    aborted: true,
    files: result.restored.map((path) => ({ path, status: 'restored' as const })),
    conflicts: 0,
    migrations: result.migrations,
    uncommitted: [],
    ...(result.copies ? { copies: result.copies } : {}),
    next: [],
  };
  return { data, text: lines.join('\n') };
}
