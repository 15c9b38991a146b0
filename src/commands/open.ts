import { command } from '../cli/command.js';
import { flag, optional } from '../cli/parameters.js';
import { serviceUrl } from '../engine/service-url.js';
import { UserError } from '../errors.js';
import { openedService } from '../services/opened-service.js';
import { openInBrowser } from '../system/desktop.js';

export default command({
  summary: "open the app's URL in a browser, and print it",
  examples: ['invctl open', 'invctl open --docs', 'curl "$(invctl open --print)/health"'],
  args: { service: optional('default: the app', { offers: 'services' }) },
  flags: {
    docs: flag('its /docs: what the API can do, to read and to try'),
    print: flag('print the URL and open nothing'),
  },
  data: (z) => z.object({ service: z.string(), url: z.string(), opened: z.boolean() }),
  async run(context, { args: { service: named }, flags: { docs, print } }) {
    const status = await openedService(context, named);
    const address = serviceUrl(status);
    if (address === undefined) throw noUrl(status.name, status.state === 'running');
    const url = docs ? `${address}/docs` : address;
    // A script that asks for the URL wants no window.
    const wanted = !print && Boolean(process.stdout.isTTY) && !context.env.CI;
    const opened = wanted && (await openInBrowser(context, url));
    if (wanted && !opened) context.output.note('no program here opens a browser; this is the address:');
    return { data: { service: status.name, url, opened }, text: url };
  },
});

function noUrl(service: string, running: boolean): UserError {
  return running
    ? new UserError({
        code: 'NO_URL',
        message: `"${service}" publishes no port of this machine`,
        hint: `publish one in the compose file:  ports: ["127.0.0.1:8080:80"]      (and: invctl up ${service})`,
      })
    : new UserError({
        code: 'SERVICE_NOT_RUNNING',
        message: `the service "${service}" is not running`,
        hint: `invctl up ${service}`,
      });
}
