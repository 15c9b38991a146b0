import { command } from '../cli/command.js';
import { rest } from '../cli/parameters.js';
import { serviceList } from '../output/shapes.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export default command({
  summary: 'start stopped services',
  examples: ['invctl start', 'invctl start api'],
  args: { services: rest('service', 'only these', { offers: 'services' }) },
  data: serviceList,
  run: (context, { args: { services } }) =>
    reportChange(context, 'started', services, () =>
      changeServices(context, 'start', services, (engine, location) => engine.start(location, services)),
    ),
});
