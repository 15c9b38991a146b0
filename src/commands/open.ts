import { once } from 'node:events';
import { command } from '../cli/command.js';
import { flag, optional } from '../cli/parameters.js';
import type { ServiceStatus } from '../engine/service-status.js';
import { forwardCommand, serviceUrl, webPort } from '../engine/service-url.js';
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
  notes: `Of a service that another machine (--host, --context) publishes for itself alone, the port is forwarded to this one for
as long as the command runs; --print then says how to forward it.`,
  data: (z) =>
    z.object({
      service: z.string(),
      url: z.string(),
      opened: z.boolean(),
      temporary: z.boolean().optional().describe('true: there until the command ends'),
    }),
  async run(context, { args: { service: named }, flags: { docs, print } }) {
    const status = await openedService(context, named);
    const port = webPort(status);
    const direct = serviceUrl(status);
    if (!port || (direct === undefined && print)) throw noUrl(status);
    const forward =
      direct === undefined
        ? await (await context.engine()).forward(context.project(), status.name, { target: port.target })
        : undefined;
    try {
      const address = direct ?? `http://${forward?.host}:${forward?.port}`;
      const url = docs ? `${address}/docs` : address;
      // A script that asks for the URL does not want a browser window.
      const wanted = !print && Boolean(process.stdout.isTTY) && !context.env.CI;
      const opened = wanted && (await openInBrowser(context, url));
      if (wanted && !opened) context.output.note('no program here opens a browser; this is the address:');
      const data = { service: status.name, url, opened };
      if (!forward) return { data, text: url };
      context.output.succeed('open', { ...data, temporary: true });
      context.output.print(url);
      context.output.note('there until Ctrl-C');
      if (!context.signal.aborted) await once(context.signal, 'abort');
      return { interrupted: true };
    } finally {
      await forward?.close();
    }
  },
});

function noUrl(status: ServiceStatus): UserError {
  const { name: service, state } = status;
  const command = forwardCommand(status);
  if (command !== undefined) {
    const port = webPort(status)?.published;
    return new UserError({
      code: 'NO_URL',
      message: `"${service}" is published on ${status.machine?.name} for that machine alone`,
      hint: `${command}      (then http://127.0.0.1:${port} leads there; or: invctl open ${service})`,
    });
  }
  return state === 'running'
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
