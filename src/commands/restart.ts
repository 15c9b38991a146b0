import { command } from '../cli/command.js';
import { rest } from '../cli/parameters.js';
import { serviceList } from '../output/shapes.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export default command({
  summary: 'restart services',
  examples: ['invctl restart', 'invctl restart api'],
  args: { services: rest('service', 'only these', { offers: 'services' }) },
  data: serviceList,
  run: (context, { args: { services } }) =>
    reportChange(context, 'restarted', services, () =>
      changeServices(context, 'restart', services, (engine, location) => engine.restart(location, services)),
    ),
});
