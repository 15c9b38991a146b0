import { command } from '../../cli/command.js';
import { migrate } from '../../services/database/migrate.js';

export default command({
  summary: "apply the app's pending migrations, as the API does when it starts",
  examples: ['invctl db migrate'],
  data: (z) => z.object({ version: z.int(), applied: z.array(z.string()) }),
  async run(context) {
    const result = await migrate(context);
    const text =
      result.applied.length === 0
        ? `nothing is pending; the schema is at version ${result.version}`
        : [
            ...result.applied.map((file) => `applied ${file}`),
            `the schema is at version ${result.version}`,
          ].join('\n');
    return { data: result, text };
  },
});
