import { existsSync, readdirSync, statSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { ExitCode, UserError, usageError } from '../../errors.js';
import { appService } from '../../project/service-roles.js';
import { readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { executeFile } from './execute-file.js';

/** Usual paths of a project's seed file, relative to the compose file. */
const USUAL = [
  'seed.sql',
  'seeds.sql',
  'seed.csv',
  'db/seed.sql',
  'db/seeds.sql',
  'database/seed.sql',
  'sql/seed.sql',
];

export interface Seeded {
  /** Absolute path. */
  file: string;
  /** How the file was loaded. */
  by: 'sql' | 'copy' | 'import';
  /** Rows of a CSV file. */
  rows?: number;
  /** How many of those rows were there already and unchanged; only from the import of the API. */
  unchanged?: number;
  seconds: number;
}

/**
 * Fills the database from a file: SQL as one transaction, CSV into the table that it is named after or, in a
 * scaffold, through the import of its API. When the file has an error, nothing of it is applied.
 *
 * @param input.file absent: `seed.sql` and the like beside the compose file, else the scaffold's sample
 * inventory
 * @param input.table table for a CSV file; takes precedence over everything else
 * @throws UserError NO_SEED, FILE_NOT_FOUND, SEED_FAILED or SQL_FAILED with file and line
 */
export async function seed(
  context: ServiceContext,
  input: { file?: string | undefined; table?: string | undefined },
): Promise<Seeded> {
  return withProjectLock(context.project(), { command: 'invctl db seed', signal: context.signal }, () =>
    seedUnlocked(context, input),
  );
}

/** {@link seed} for a caller that holds the project's lock. */
export async function seedUnlocked(
  context: ServiceContext,
  { file: named, table }: { file?: string | undefined; table?: string | undefined },
): Promise<Seeded> {
  const file = named === undefined ? await usualSeed(context) : existing(resolve(context.directory, named));
  const kind = extname(file).toLowerCase();
  const started = Date.now();
  const seconds = () => (Date.now() - started) / 1000;
  if (kind === '.sql') {
    if (table !== undefined) throw usageError('--table is for CSV files; SQL names its tables itself');
    await executeFile(context, { file, transaction: true });
    return { file, by: 'sql', seconds: seconds() };
  }
  if (kind !== '.csv') {
    throw usageError(
      `${file} is neither .sql nor .csv by its name`,
      'invctl db exec FILE      (runs any file as SQL)',
    );
  }
  if (table === undefined && isScaffold(context)) {
    const { importThroughApi } = await import('./import-through-api.js');
    return { file, by: 'import', ...(await importThroughApi(context, file)), seconds: seconds() };
  }
  const { copyCsv } = await import('./copy-csv.js');
  return { file, by: 'copy', rows: await copyCsv(context, file, table), seconds: seconds() };
}

/** The file that {@link seed} takes when none is named. @throws UserError NO_SEED */
export async function usualSeed(context: ServiceContext): Promise<string> {
  const { directory } = context.project();
  const usual = USUAL.map((name) => join(directory, name)).find((path) => existsSync(path));
  const found = usual ?? (await sampleInventory(context));
  if (found !== undefined) return found;
  throw new UserError({
    code: 'NO_SEED',
    message: `there is nothing to seed with: none of ${USUAL.slice(0, 4).join(', ')} is there`,
    hint: 'write seed.sql, or name a file: invctl db seed FILE.sql',
    exitCode: ExitCode.usage,
  });
}

/** The sample inventory that a scaffold has in `data/` beside the API's source. */
async function sampleInventory(context: ServiceContext): Promise<string | undefined> {
  if (!isScaffold(context)) return undefined;
  const location = context.project();
  const project = await (await context.engine()).resolve(location);
  const { build } = appService(project, (await readSettings(location)).services);
  const folder = build && join(build.context, 'data');
  if (!folder || !existsSync(folder)) return undefined;
  const name = readdirSync(folder)
    .sort()
    .find((one) => one.endsWith('.csv'));
  return name === undefined ? undefined : join(folder, name);
}

/** `init` wrote the project, so the app is the API that has the import. */
function isScaffold(context: ServiceContext): boolean {
  return existsSync(join(context.project().directory, '.invctl', 'lock.json'));
}

function existing(file: string): string {
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  throw new UserError({
    code: 'FILE_NOT_FOUND',
    message: `there is no file ${relative(process.cwd(), file) || file}`,
    hint: `ls -l ${file}`,
    exitCode: ExitCode.usage,
    file,
  });
}
