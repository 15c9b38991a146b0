import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { optional, text } from '../../cli/parameters.js';
import type { Zod } from '../../output/shapes.js';
import { count, formatDuration } from '../../output/units.js';
import { type Seeded, seed } from '../../services/database/seed.js';

/** Shared by `db seed` and `db reset --seed`. */
export const seedShape = (z: Zod) =>
  z.object({
    file: z.string().describe('absolute path'),
    by: z.enum(['sql', 'copy', 'import']).describe('as SQL, into a table, or through the import of the API'),
    rows: z.int().optional().describe('of a CSV file'),
    unchanged: z.int().optional().describe('of those, by an import: there already as they are'),
    seconds: z.number(),
  });

export default command({
  summary: 'fill the database from an SQL or CSV file, all of it or nothing',
  examples: [
    'invctl db seed                        # seed.sql, or the sample of a scaffold',
    'invctl db seed demo.sql',
    'invctl db seed orders.csv --table sales.orders',
  ],
  args: { file: optional('.sql, or .csv with a header; default: seed.sql', { offers: 'files' }) },
  flags: { table: text('table', 'of a CSV file (default: called like the file)') },
  data: seedShape,
  async run(context, { args: { file }, flags: { table } }) {
    const progress = await context.output.progress();
    const started = Date.now();
    const what = file === undefined ? 'the seed' : basename(file);
    progress.set('seed', 'working', () => `${what}  ${formatDuration(Date.now() - started)}`);
    try {
      const result = await seed(context, { file, table });
      progress.set('seed', 'done', `${basename(result.file)}  ${formatDuration(Date.now() - started)}`);
      return { data: result, text: seedText(result) };
    } catch (error) {
      progress.set('seed', 'failed', `${what}  nothing was applied`);
      throw error;
    } finally {
      progress.stop();
    }
  },
});

/** What a seed did, as text for a person. */
export function seedText({ file, by, rows = 0, unchanged = 0 }: Seeded): string {
  const name = basename(file);
  if (by === 'sql') return `${name} is applied`;
  if (by === 'copy') return `${name}: ${count(rows, 'row')}`;
  const known =
    unchanged > 0
      ? `, ${unchanged === rows ? 'all' : unchanged.toLocaleString('en')} of them there already`
      : '';
  return `${name}: ${count(rows, 'row')}${known}`;
}
