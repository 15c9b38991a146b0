import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, number, text, texts } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { INSPECTION, type Inspection, openInspector } from '../../services/database/inspect.js';
import { databaseContext, deployedFlag } from './deployed.js';
import { inspectionShape } from './inspect/shape.js';
import { inspectionText } from './inspect/text.js';

const IDS = INSPECTION.map(({ id }) => id);
/** Sections that change from one moment to the next. */
const OF_NOW = ['connections', 'queries', 'transactions', 'locks'];
const ROWS = 5;

export default command({
  summary: 'look into the running database: sizes, locks, queries, what will hurt',
  examples: [
    'invctl db inspect',
    'invctl db inspect --section locks,queries --watch',
    'invctl db inspect --section tables --rows 50 --json | jq ".data.sections[0].rows"',
  ],
  flags: {
    section: texts('section', 'only these, separated by commas', {
      commas: true,
      parse: readSection,
      offers: IDS,
      otherwise: `all; with --watch: ${OF_NOW.join(',')}`,
    }),
    rows: number('rows', 'of each section, at most 50', { initial: ROWS, whole: true, above: 0 }),
    database: text('name', "another database of the server; default: the project's"),
    deployed: deployedFlag,
    watch: flag('draw it again every few seconds, until Ctrl-C'),
    every: number('seconds', 'between two looks of --watch', { initial: 2, above: 0 }),
  },
  notes: 'It reads only, waits for no lock, and gives up a look that takes long.',
  data: inspectionShape,
  async run(context, { flags: { section, rows, database, deployed, watch, every } }) {
    if (watch && (context.output.json || !process.stdout.isTTY)) {
      throw usageError('--watch draws on a terminal', 'invctl db inspect --json      (looks once)');
    }
    const sections = watch && section.length === 0 ? OF_NOW : section;
    const inspector = await openInspector(await databaseContext(context, deployed), { sections, database });
    try {
      if (watch) {
        await redraw(context, () => inspector.look(), rows, every);
        return { interrupted: true };
      }
      const inspection = await inspector.look();
      return { data: dataOf(inspection), text: textOf(context, inspection, rows) };
    } finally {
      await inspector.close();
    }
  },
});

function readSection(word: string): string {
  if (IDS.includes(word)) return word;
  throw usageError(`there is no section "${word}"`, `--section ${IDS.join('|')}`);
}

function textOf({ output }: Context, inspection: Inspection, rows: number): string {
  const columns = process.stdout.isTTY ? output.columns : Number.POSITIVE_INFINITY;
  return inspectionText(inspection, { style: output.style, columns, rows });
}

/** Redraws over the previous output, cut to the window, until a signal comes. */
async function redraw(
  context: Context,
  look: () => Promise<Inspection>,
  rows: number,
  everySeconds: number,
): Promise<void> {
  const { createLogUpdate } = await import('log-update');
  const draw = createLogUpdate(process.stdout);
  try {
    while (!context.signal.aborted) {
      const time = new Date().toISOString().slice(11, 19);
      const lines =
        `${time} UTC, every ${everySeconds} s; Ctrl-C ends it\n${textOf(context, await look(), rows)}`.split(
          '\n',
        );
      const room = (process.stdout.rows ?? lines.length + 1) - 1;
      draw((lines.length <= room ? lines : [...lines.slice(0, room - 1), '…']).join('\n'));
      await sleep(everySeconds * 1000, undefined, { signal: context.signal });
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  } finally {
    draw.done();
  }
}

function dataOf({ server, sections }: Inspection) {
  const { release, replica, startedAt, countersSince, role, seesAll, maxConnections } = server;
  return {
    database: server.database,
    server: { release, replica, startedAt, countersSince, role, seesAll, maxConnections },
    sections: sections.map(({ id, title, meaning, unavailable, findings, rows }) => ({
      id,
      title,
      meaning,
      ...(unavailable ? { unavailable } : {}),
      findings,
      rows,
    })),
  };
}
