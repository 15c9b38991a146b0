import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { serviceUrl } from '../engine/service-url.js';
import { serviceRow } from '../output/service-table.js';
import { serviceList } from '../output/shapes.js';
import { table } from '../output/table.js';
import { formatBytes } from '../output/units.js';
import { type ListedProject, listProjects } from '../services/list-projects.js';

export default command({
  summary: 'the projects of this machine that invctl has brought up',
  examples: ['invctl list', 'invctl list --json | jq -r ".data.projects[].directory"'],
  data: (z) =>
    z.object({
      projects: z.array(
        z.object({
          name: z.string(),
          directory: z.string(),
          present: z.boolean().describe('false: the folder or its compose files are gone'),
          engine: z.enum(['docker', 'embedded']),
          state: z.enum(['running', 'partly', 'stopped', 'unknown']),
          reason: z.string().optional().describe('why the state is unknown'),
          bytes: z.int().optional().describe('of its volumes'),
          lastUp: z.string().describe('ISO time'),
          forgotten: z.boolean().describe('gone without data: not listed again'),
          services: serviceList(z).shape.services,
        }),
      ),
    }),
  async run(context) {
    const projects = await listProjects(context);
    return {
      data: {
        projects: projects.map(({ services, ...project }) => ({
          ...project,
          services: services.map((status) => serviceRow(status)),
        })),
      },
      text:
        projects.length === 0
          ? 'no project was brought up here yet; start one with: invctl init'
          : report(context, projects),
    };
  },
});

function report({ output: { style } }: Context, projects: readonly ListedProject[]): string {
  const paint = { running: style.green, partly: style.yellow, stopped: style.dim, unknown: style.yellow };
  const rows = projects.map((project) => [
    style.bold(project.name),
    paint[project.state](stateWords(project)),
    project.engine,
    project.bytes === undefined ? '-' : formatBytes(project.bytes),
    places(project) || '-',
    project.present ? project.directory : `${project.directory} ${style.red('(gone)')}`,
  ]);
  return [table(['PROJECT', 'STATE', 'ENGINE', 'DATA', 'URL', 'FOLDER'], rows), ...remarks(projects)].join(
    '\n',
  );
}

function stateWords({ state, services }: ListedProject): string {
  if (state !== 'partly') return state;
  const running = services.filter((service) => service.state === 'running').length;
  return `${running} of ${services.length} run`;
}

function places({ services }: ListedProject): string {
  return services.flatMap((status) => serviceUrl(status) ?? []).join(', ');
}

function remarks(projects: readonly ListedProject[]): string[] {
  return projects.flatMap((project) => {
    const { name, present, forgotten, services, reason, engine } = project;
    if (reason !== undefined) return [`${name}: ${reason}`];
    if (present) return [];
    if (forgotten) return [`${name}: its folder is gone, and it has no data; it is not listed again`];
    const remove =
      engine === 'docker'
        ? `docker compose --project-name ${name} down${services.length > 0 ? '' : ' --volumes      (deletes the data)'}`
        : `put the folder back, then: invctl down`;
    return [
      `${name}: its folder is gone, and its ${services.length > 0 ? 'services are' : 'data is'} still there; ${remove}`,
    ];
  });
}
