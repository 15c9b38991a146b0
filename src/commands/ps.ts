import { command } from '../cli/command.js';
import { serviceRow, serviceTable } from '../output/service-table.js';
import { serviceList } from '../output/shapes.js';
import { environmentLine } from './environment-line.js';

export default command({
  summary: 'services, their state, health, uptime and URL',
  examples: ['invctl ps', 'invctl ps --json'],
  data: serviceList,
  async run(context) {
    const location = context.project();
    const engine = await context.engine();
    const services = await engine.status(location);
    return {
      data: {
        engine: engine.kind,
        project: location.name,
        services: services.map((status) => serviceRow(status)),
      },
      text: [
        ...environmentLine(location),
        services.length > 0
          ? serviceTable(services, context.output.style, new Date())
          : `${location.name} is not up; start it with: invctl up`,
      ].join('\n'),
    };
  },
});
