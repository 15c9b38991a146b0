import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { flag, text } from '../../cli/parameters.js';
import { count, formatDuration } from '../../output/units.js';
import { type Reset, type ResetPhase, reset } from '../../services/database/reset.js';
import { seedShape, seedText } from './seed.js';

const PHASES: Record<ResetPhase, string> = {
  backup: 'backing up what is there',
  migrate: 'making the new database',
  swap: 'swapping',
  restart: 'restarting the services',
  seed: 'seeding',
};

export default command({
  summary: 'an empty database with the schema of the migrations; all data is lost',
  examples: ['invctl db reset', 'invctl db reset --confirm shop --seed      # for a script'],
  flags: {
    seed: flag('fill it again, as `db seed` does'),
    confirm: text('project', "the project's name, as a confirmation that its data may go"),
    noBackup: flag('take no backup first'),
  },
  data: (z) =>
    z.object({
      database: z.string(),
      backup: z.string().optional().describe('absolute path'),
      migrated: z.array(z.string()).describe('empty: the app migrates when it starts'),
      restarted: z.array(z.string()),
      seeded: seedShape(z).optional(),
    }),
  async run(context, { flags: { seed, confirm, noBackup } }) {
    const { name: project } = context.project();
    const progress = await context.output.progress();
    const started = Date.now();
    const line = (words: string) => `${project}  ${words}  ${formatDuration(Date.now() - started)}`;
    const question = (database: string) => ({
      what: `this replaces the database ${database} by an empty one: all of its data is lost${noBackup ? ', and no backup is taken' : ', but for the backup that is taken first'}`,
      project,
      confirmed: confirm,
    });
    let asked = false;
    try {
      const result = await reset(context, {
        backup: !noBackup,
        seed,
        confirm: async (database) => {
          await context.prompts.confirmDataLoss(question(database));
          asked = true;
        },
        onPhase: (phase) => progress.set('reset', 'working', () => line(PHASES[phase])),
      });
      progress.set('reset', 'done', line('reset'));
      return { data: result, text: describe(result) };
    } catch (error) {
      if (asked) progress.set('reset', 'failed', line('not reset'));
      throw error;
    } finally {
      progress.stop();
    }
  },
});

function describe({ database, backup, migrated, restarted, seeded }: Reset): string {
  return [
    migrated.length > 0
      ? `${database} is empty, with the schema of ${count(migrated.length, 'migration')}`
      : `${database} is empty; the app makes its schema when it starts`,
    ...(restarted.length > 0 ? [`restarted: ${restarted.join(', ')}`] : []),
    ...(seeded ? [seedText(seeded)] : []),
    ...(backup === undefined
      ? []
      : [`backup of before: ${backup}`, `back:  invctl db restore ${basename(backup)}`]),
  ].join('\n');
}
