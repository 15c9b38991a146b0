import { type Command, Option } from 'commander';
import { drawGraph } from '../architecture/drawing.js';
import { VIEWS, type View } from '../architecture/graph.js';
import { declare, type Handle } from '../cli/command.js';
import { usageError } from '../errors.js';
import type { GraphData } from '../output/schemas.js';
import { drawnAs, stackPicture } from '../services/graph.js';

const FORMATS = ['text', 'mermaid', 'dot', 'svg', 'json'] as const;

interface Flags {
  view: View;
  format?: (typeof FORMATS)[number];
}

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'graph', 'the stack as a picture: services, settings, secrets, networks', [
    'invctl graph',
    'invctl graph --view network',
    'invctl graph --format svg > stack.svg',
  ])
    .addOption(new Option('--view <view>', 'what to draw').choices(VIEWS).default('services'))
    .addOption(new Option('--format <format>', 'of the picture (default: text)').choices(FORMATS))
    .addHelpText(
      'after',
      '\nDrawn from the files of the repository; what each machine sets for itself shows as ${NAME}.\n--format json is --json: every node and edge. The pictures put alike ones together where there are many.\n',
    );
  handle<Flags>(command, async (context, { options: { view, format = 'text' } }) => {
    const { output } = context;
    if (output.json && format !== 'text' && format !== 'json') {
      throw usageError(`--json and --format ${format} exclude each other`, 'invctl graph --help');
    }
    const { project, whole, readable } = await stackPicture(context, view);
    const { nodes, edges, groups } = whole;
    const data: GraphData = { project, view, nodes, edges, groups };
    if (output.json) return { data };
    if (format === 'text' || format === 'json') {
      return { data, text: drawGraph(readable, output.columns, output.style) };
    }
    return { data, text: await drawnAs(readable, format) };
  });
}
