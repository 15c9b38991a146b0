import { command } from '../cli/command.js';
import { rest } from '../cli/parameters.js';
import { serviceList } from '../output/shapes.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export default command({
  summary: 'stop services; their containers stay',
  examples: ['invctl stop', 'invctl stop api'],
  args: { services: rest('service', 'only these', { offers: 'services' }) },
  data: serviceList,
  run: (context, { args: { services } }) =>
    reportChange(context, 'stopped', services, () =>
      changeServices(context, 'stop', services, (engine, location) => engine.stop(location, services)),
    ),
});
