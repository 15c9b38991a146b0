import { command } from '../cli/command.js';
import { serviceRow, serviceTable } from '../output/service-table.js';
import { deployedPlace, serviceList } from '../output/shapes.js';
import { deployedServices } from '../services/deployed-services.js';
import { deployedLines, placeOf } from './deployed-lines.js';
import { environmentLine } from './environment-line.js';

export default command({
  summary: 'services, their state, health, uptime and URL',
  examples: ['invctl ps', 'invctl ps --json'],
  data: (z) => serviceList(z).extend({ deployed: deployedPlace(z) }),
  async run(context) {
    const location = context.project();
    const engine = await context.engine();
    const here = await engine.status(location);
    const deployed = here.length > 0 ? undefined : await deployedServices(context);
    const services = deployed?.services ?? here;
    const { style } = context.output;
    return {
      data: {
        engine: engine.kind,
        project: location.name,
        services: services.map((status) => serviceRow(status)),
        ...(deployed ? { deployed: placeOf(deployed) } : {}),
      },
      text: [
        ...environmentLine(location),
        deployed
          ? deployedLines(location.name, deployed, style).join('\n')
          : services.length > 0
            ? serviceTable(services, style, new Date())
            : `${location.name} is not up; start it with: invctl up`,
      ].join('\n'),
    };
  },
});
