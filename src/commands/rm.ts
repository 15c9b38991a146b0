import { command } from '../cli/command.js';
import { flag, rest } from '../cli/parameters.js';
import { serviceList } from '../output/shapes.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export default command({
  summary: 'remove stopped services; volumes and data stay',
  examples: ['invctl rm', 'invctl rm api --stop'],
  args: { services: rest('service', 'only these', { offers: 'services' }) },
  flags: { stop: flag('stop the running ones first') },
  data: serviceList,
  async run(context, { args: { services }, flags }) {
    const what = services.length > 0 ? services.join(', ') : 'every stopped service';
    await context.prompts.confirm(`Remove ${flags.stop ? what.replace('stopped ', '') : what}?`);
    return reportChange(context, 'removed', services, () =>
      changeServices(context, 'rm', services, (engine, location) =>
        engine.remove(location, services, { stop: flags.stop }),
      ),
    );
  },
});
