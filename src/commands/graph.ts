import { drawGraph } from '../architecture/drawing.js';
import { VIEWS } from '../architecture/graph.js';
import { command } from '../cli/command.js';
import { choice } from '../cli/parameters.js';
import { usageError } from '../errors.js';
import { drawnAs, stackPicture } from '../services/graph.js';

const FORMATS = ['text', 'mermaid', 'dot', 'svg', 'json'] as const;

export default command({
  summary: 'the stack as a picture: services, settings, secrets, networks',
  examples: ['invctl graph', 'invctl graph --view network', 'invctl graph --format svg > stack.svg'],
  flags: {
    view: choice('view', VIEWS, 'what to draw', { initial: 'services' }),
    format: choice('format', FORMATS, 'of the picture', { initial: 'text' }),
  },
  notes:
    'Drawn from the files of the repository; what each machine sets for itself shows as ${NAME}.\n--format json is --json: every node and edge. The pictures put alike ones together where there are many.',
  data: (z) =>
    z.object({
      project: z.string(),
      view: z.enum(['services', 'env', 'secrets', 'network', 'start']),
      nodes: z.array(
        z.object({
          id: z.string().describe('unique in this document'),
          kind: z.enum([
            'machine',
            'service',
            'database',
            'volume',
            'folder',
            'file',
            'secret',
            'outside',
            'image',
          ]),
          label: z.string(),
          details: z.array(z.string()).describe('more lines for a reader'),
          group: z.string().optional().describe('id of the group that it is in'),
        }),
      ),
      edges: z.array(
        z.object({
          from: z.string(),
          to: z.string(),
          label: z.string().optional(),
          weak: z.boolean().optional().describe('drawn with a dashed line'),
        }),
      ),
      groups: z.array(z.object({ id: z.string(), label: z.string() })),
    }),
  async run(context, { flags: { view, format } }) {
    const { output } = context;
    if (output.json && format !== 'text' && format !== 'json') {
      throw usageError(`--json and --format ${format} exclude each other`, 'invctl graph --help');
    }
    const { project, whole, readable } = await stackPicture(context, view);
    const { nodes, edges, groups } = whole;
    const data = { project, view, nodes, edges, groups };
    if (output.json) return { data };
    if (format === 'text' || format === 'json') {
      return { data, text: drawGraph(readable, output.columns, output.style) };
    }
    return { data, text: await drawnAs(readable, format) };
  },
});
