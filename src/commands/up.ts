import { relative } from 'node:path';
import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { flag, number, rest } from '../cli/parameters.js';
import type { BuildChoice, OutdatedImage } from '../engine/engine.js';
import { forwardCommand, serviceUrl } from '../engine/service-url.js';
import { usageError } from '../errors.js';
import { serviceRow, serviceTable } from '../output/service-table.js';
import { serviceList } from '../output/shapes.js';
import { formatDuration } from '../output/units.js';
import { insideProject } from '../project/paths.js';
import { type UpResult, up } from '../services/up.js';
import { createBoard } from './up/board.js';
import { notHealthy } from './up/not-healthy.js';

export default command({
  summary: 'build what is missing or changed, start, wait until healthy',
  examples: ['invctl up', 'invctl up api --no-build', 'invctl up --json | jq -r ".data.services[].url"'],
  args: { services: rest('service', 'only these, and what they depend on', { offers: 'services' }) },
  flags: {
    build: flag('build every image, also where its source has not changed'),
    noBuild: flag('start what there is, also where its source has changed since'),
    noWait: flag('return once everything is started'),
    timeout: number('seconds', 'how long to wait until healthy', { initial: 180, above: 0 }),
    watch: flag('go on and serve each change of the source, as `invctl watch`; Ctrl-C ends it'),
    attach: flag('follow the logs afterwards; Ctrl-C leaves the project running'),
  },
  data: (z) =>
    serviceList(z).extend({
      unchanged: z.array(z.string()),
      outdated: z
        .array(z.object({ service: z.string(), file: z.string().optional().describe('that changed last') }))
        .describe('whose source had changed since they were built: built again, but with --no-build'),
      seconds: z.number(),
    }),
  async run(context, { args: { services }, flags }) {
    const timeoutMs = flags.timeout * 1000;
    if (flags.watch) {
      if (flags.noBuild || flags.noWait) {
        throw usageError(
          '--watch builds and waits; --no-build and --no-wait are its opposite',
          'invctl up --watch',
        );
      }
      const { watchLoop } = await import('./up/watch-loop.js');
      return watchLoop(context, { services, timeoutMs });
    }
    const build = flags.noBuild ? 'none' : flags.build ? 'all' : 'changed';
    const started = Date.now();
    const board = await createBoard(context, !flags.noWait);
    let result: UpResult;
    try {
      result = await up(context, {
        services,
        build,
        wait: !flags.noWait,
        timeoutMs,
        onEvent: board.show,
      });
    } finally {
      board.stop();
    }
    if (build === 'none') warnOfOutdated(context, result);
    if (result.failed.length > 0) throw notHealthy(result);
    if (flags.attach && !context.settings.json) {
      context.output.print(report(context, result, started, build));
      const { followLogs } = await import('./logs.js');
      await followLogs(context, services);
      return {};
    }
    return {
      data: {
        engine: result.engine.kind,
        project: result.project,
        services: result.services.map((status) => serviceRow(status, result.seconds[status.name])),
        unchanged: result.unchanged,
        outdated: result.outdated,
        seconds: (Date.now() - started) / 1000,
      },
      text: report(context, result, started, build),
    };
  },
});

function warnOfOutdated(context: Context, { outdated }: UpResult): void {
  for (const one of outdated) {
    context.warn(
      `"${one.service}" runs as it was built, and its source has changed since${changedFile(context, one)}; with the changes: invctl up ${one.service}`,
    );
  }
}

/** ` (stack/src/app.ts)` */
function changedFile(context: Context, { file }: OutdatedImage): string {
  return file === undefined ? '' : ` (${insideProject(context.project().directory, file)})`;
}

function report(context: Context, result: UpResult, started: number, build: BuildChoice): string {
  const { style } = context.output;
  const lines = [serviceTable(result.services, style, new Date()), ''];
  const engine =
    result.engine.kind === 'docker'
      ? `Docker ${result.engine.version}`
      : `the embedded engine (PostgreSQL ${result.engine.version})`;
  lines.push(
    result.unchanged.length === result.services.length
      ? `${style.bold(result.project)} was already up on ${engine}; nothing was changed`
      : `${style.bold(result.project)} is up on ${engine} after ${formatDuration(Date.now() - started)}`,
  );
  for (const one of build === 'none' ? [] : result.outdated) {
    lines.push(`${one.service}: built again, its source had changed${changedFile(context, one)}`);
  }
  for (const status of result.services) {
    const url = serviceUrl(status);
    const forward = forwardCommand(status);
    if (url) lines.push(`${status.name}: ${style.cyan(url)}`);
    if (forward)
      lines.push(`${status.name}: from here by ${style.bold(`invctl open ${status.name}`)}, or: ${forward}`);
    if (url && result.login?.service === status.name) {
      const file = relative(process.cwd(), result.login.passwordFile);
      lines.push(`log in there as ${style.bold(result.login.user)}, with the password in ${file}`);
    }
  }
  return lines.join('\n');
}
