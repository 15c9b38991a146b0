import type { Report } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { serviceRow, serviceTable } from '../output/service-table.js';
import type { DataOf, serviceList } from '../output/shapes.js';
import { formatDuration } from '../output/units.js';

/** Runs a change of the named services (none: all) with a line of progress, then reports their new state. */
export async function reportChange(
  context: Context,
  participle: string,
  services: readonly string[],
  change: () => Promise<void>,
): Promise<Report<DataOf<typeof serviceList>>> {
  const started = Date.now();
  const what = services.length > 0 ? services.join(', ') : context.project().name;
  const progress = await context.output.progress();
  progress.set('change', 'working', () => `${what}  ${formatDuration(Date.now() - started)}`);
  try {
    await change();
    progress.set('change', 'done', `${what} ${participle}  ${formatDuration(Date.now() - started)}`);
  } finally {
    progress.stop();
  }
  const engine = await context.engine();
  const statuses = (await engine.status(context.project())).filter(
    ({ name }) => services.length === 0 || services.includes(name),
  );
  return {
    data: {
      engine: engine.kind,
      project: context.project().name,
      services: statuses.map((status) => serviceRow(status)),
    },
    text:
      statuses.length > 0
        ? serviceTable(statuses, context.output.style, new Date())
        : `${what}: no services left`,
  };
}
