import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { migrate } from '../../services/database/migrate.js';

export function define(group: Command, handle: Handle): void {
  const command = declare(
    group,
    'migrate',
    "apply the app's pending migrations, as the API does when it starts",
    ['invctl db migrate'],
  );
  handle(command, async (context) => {
    const result = await migrate(context);
    const text =
      result.applied.length === 0
        ? `nothing is pending; the schema is at version ${result.version}`
        : [
            ...result.applied.map((file) => `applied ${file}`),
            `the schema is at version ${result.version}`,
          ].join('\n');
    return { data: result, text };
  });
}
