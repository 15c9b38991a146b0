import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { UserError, usageError } from '../../errors.js';
import { fileDiff } from '../../project/file-diff.js';
import { withProjectLock } from '../../system/lock.js';
import { redact } from '../../system/secret.js';
import { STATE_FOLDER } from '../../system/state-folder.js';
import { loadTemplate, type Template } from '../../template/manifest.js';
import { keepAsLast, stageUpgrade } from '../../template/upgrade-folder.js';
import { type PlannedFile, planTemplateUpgrade, type TemplatePlan } from '../../template/upgrade-plan.js';
import type { ServiceContext } from '../context.js';
import { perform } from '../operation.js';
import { assertNoConflict } from './conflict.js';
import { findScaffold, ofAllEnvironments, type Scaffold } from './find-scaffold.js';
import { committedText, uncommitted } from './git-history.js';
import { stagedIn, templateUpgradeOperation, writeAll } from './operations.js';

/** How long an upgrade waits for the lock of the project, in milliseconds. */
const LOCK_WAIT_MS = 10_000;

export interface TemplateUpgradeInput {
  /** Version of the template; undefined: that of this invctl. */
  to: string | undefined;
  /** Write nothing, and return the differences. */
  diff: boolean;
  /** Used in place of the template in this package. */
  template?: Template;
}

export interface UpgradeFile extends Omit<PlannedFile, 'changes' | 'texts' | 'theirs'> {
  /** For a conflict without markers: path of the template's version, relative to the project. */
  theirs?: string;
  /** Unified diff from the existing file to the new one, credentials redacted. */
  diff?: string;
}

export interface UpgradeResult {
  directory: string;
  name: string;
  /** Versions of the template. */
  from: string;
  to: string;
  /** False: nothing was written, because nothing had to be, or only the differences were asked for. */
  applied: boolean;
  files: UpgradeFile[];
  /** How many of them are conflicts. */
  conflicts: number;
  /** New migrations, relative to the project. */
  migrations: string[];
  /** Files with uncommitted changes. */
  uncommitted: string[];
}

/**
 * Brings a scaffold to the template of this invctl: merges the template's changes into the person's changes.
 * All files or none: `recover` finishes or reverts an upgrade that was cut off.
 *
 * @throws UserError NOT_A_SCAFFOLD, LOCK_INVALID (exit 4), USAGE, TEMPLATE_OLDER, UPGRADE_IN_CONFLICT,
 * PROJECT_LOCKED (exit 9), UNREADABLE, READ_ONLY, DISK_FULL
 */
export async function upgradeProject(
  context: ServiceContext,
  input: TemplateUpgradeInput,
): Promise<UpgradeResult> {
  const { root } = await findScaffold(context);
  const template = input.template ?? (await loadTemplate());
  if (input.diff) return (await examine(context, template, input)).result;
  return withProjectLock(
    { stateFolder: join(root, STATE_FOLDER) },
    {
      command: 'invctl upgrade',
      waitMs: LOCK_WAIT_MS,
      onWait: ({ pid }) => context.warn(`waiting for process ${pid}, which works in this folder`),
      signal: context.signal,
    },
    async () => {
      const { scaffold, plan, result } = await examine(context, template, input);
      const changes = [...plan.files.flatMap((file) => file.changes), ...plan.records];
      if (changes.length === 0) return result;
      await write(context, scaffold, template, plan);
      return { ...result, applied: true };
    },
  );
}

interface Examined {
  scaffold: Scaffold;
  plan: TemplatePlan;
  result: UpgradeResult;
}

async function examine(
  context: ServiceContext,
  template: Template,
  { to, diff }: TemplateUpgradeInput,
): Promise<Examined> {
  const scaffold = await findScaffold(context);
  const { root, lock } = scaffold;
  assertVersions(lock.template.version, template.version, to);
  await assertNoConflict(root);
  const repository = { processes: context.processes, root, signal: context.signal };
  const plan = await planTemplateUpgrade({
    root,
    template,
    lock,
    findText: (path, hash) => committedText(repository, path, hash),
  });
  const touched = plan.files.flatMap(({ changes }) => changes.map(({ path }) => path));
  return {
    scaffold,
    plan,
    result: {
      directory: root,
      name: lock.options.name,
      from: lock.template.version,
      to: template.version,
      applied: false,
      files: plan.files.map((file) => shown(file, diff)),
      conflicts: plan.files.filter(({ status }) => status === 'conflict').length,
      migrations: plan.migrations,
      uncommitted: await uncommitted(repository, touched),
    },
  };
}

function shown({ changes: _, texts, theirs, ...file }: PlannedFile, diff: boolean): UpgradeFile {
  return {
    ...file,
    ...(theirs && !diff ? { theirs: `.invctl/upgrade/theirs/${file.path}` } : {}),
    ...(diff && texts
      ? {
          diff: fileDiff(
            file.path,
            { text: texts.before, label: 'here' },
            { text: texts.after, label: 'upgraded' },
            redact,
          ),
        }
      : {}),
  };
}

/** An invctl has only the template that it was released with. */
function assertVersions(from: string, own: string, to: string | undefined): void {
  if (to !== undefined && to !== own) {
    throw usageError(
      `this invctl has the template ${own}, and no template "${to}"`,
      `npx invctl@${to} upgrade      (the invctl of that version brings its template)`,
    );
  }
  if (from.localeCompare(own, 'en', { numeric: true }) <= 0) return;
  throw new UserError({
    code: 'TEMPLATE_OLDER',
    message: `the project is from the template ${from}; this invctl has ${own}, which is older`,
    hint: `npx invctl@${from} upgrade      (or a later version)`,
  });
}

async function write(
  context: ServiceContext,
  { root, lock }: Scaffold,
  template: Template,
  plan: TemplatePlan,
): Promise<void> {
  const id = `upgrade-${randomUUID()}`;
  const folder = `.invctl/${id}`;
  const staged = stagedIn(root, folder);
  await perform(
    templateUpgradeOperation,
    ofAllEnvironments(context, root),
    { id, state: { folder }, subject: staged },
    async (run) => {
      await run.begin('stage');
      const record = await stageUpgrade(
        staged.folder,
        {
          id,
          at: new Date().toISOString(),
          from: lock.template.version,
          to: template.version,
          conflicts: plan.files.flatMap(({ kind, path }) => (kind === 'lines' ? [path] : [])),
          migrations: plan.migrations,
          folders: template.manifest.folders,
        },
        [...plan.files.flatMap(({ changes }) => changes), ...plan.records],
        new Map(plan.files.flatMap(({ path, theirs }) => (theirs ? [[path, theirs] as const] : []))),
      );
      context.signal.throwIfAborted();
      await run.begin('write');
      await writeAll(context, staged, record);
      await run.begin('keep');
      await keepAsLast(root, staged.folder);
    },
  );
}
