import { command } from '../cli/command.js';
import { environment } from '../output/shapes.js';
import { resolvedConfig } from '../services/config.js';

export default command({
  summary: 'the project as it is resolved: files merged, variables filled in',
  examples: ['invctl config', 'invctl config --json | jq .data.project.services.api.environment'],
  data: (z) =>
    z.object({
      project: z.object({
        name: z.string(),
        directory: z.string(),
        files: z.array(z.string()),
        services: z.record(z.string(), z.looseObject({ name: z.string(), environment: environment(z) })),
        networks: z.record(z.string(), z.looseObject({ name: z.string() })),
        volumes: z.record(z.string(), z.looseObject({ name: z.string() })),
        secrets: z.record(z.string(), z.looseObject({})),
      }),
    }),
  async run(context) {
    const project = await resolvedConfig(context);
    const { stringify } = await import('yaml');
    return { data: { project }, text: stringify(project, { lineWidth: 0 }) };
  },
});
