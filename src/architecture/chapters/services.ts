import { alike, headingOf, listOf } from '../alike.js';
import type { Chapter } from '../chapter.js';
import { code, duration, paragraphs, plain, table } from '../markdown.js';
import type { StackHealth, StackMount, StackService } from '../stack.js';
import { HEALTH_DEFAULTS, urlsOf } from '../told.js';
import { conditionText } from '../views/nodes.js';

export const services: Chapter = {
  name: 'services',
  heading: 'Services',
  body: ({ services: all, app, database }, paths) =>
    paragraphs(
      'In the order in which they can start.',
      ...alike(all, (service) =>
        paragraphs(
          role(service.name, app, database),
          table(
            ['', ''],
            rows(service, paths.link).filter(([, value]) => value !== ''),
          ),
        ),
      ).map(({ names, text }) => paragraphs(`### ${headingOf(names)}`, listOf(names), text)),
    ),
};

/** Returns the role of a service in the stack, if it is known. */
function role(name: string, app: string | undefined, database: string | undefined): string {
  if (name === database) return 'The database.';
  return name === app ? 'The app.' : '';
}

function rows(service: StackService, link: (path: string) => string): [string, string][] {
  const { build, image } = service;
  const limits = [
    service.memory && `${service.memory} of memory`,
    service.cpus && `${service.cpus} processors`,
    service.pids && `${service.pids} processes`,
  ];
  return [
    ['Image', image ? code(image) : ''],
    ['Built from', build ? (build.dockerfile ? link(build.dockerfile) : code(build.context)) : ''],
    ['Command', service.command ? code(service.command) : ''],
    ['Runs as', service.user ? code(service.user) : (userOf(service) ?? '')],
    [
      'Reached at',
      urlsOf(service)
        .map((url) => (url.startsWith('http') ? `<${url}>` : code(url)))
        .join(', '),
    ],
    [
      'Starts',
      service.dependsOn
        .map(
          (one) =>
            `${conditionText(one.condition)
              .replace('once', `once ${code(one.service)} is`)
              .replace('is it has ended', 'has ended')}`,
        )
        .join(', '),
    ],
    ['Health check', healthText(service, link)],
    [
      'Networks',
      service.networkMode
        ? code(`network_mode: ${service.networkMode}`)
        : service.networks.map(code).join(', '),
    ],
    ['Data and files', service.mounts.map(mountText).join('\n')],
    ['Secrets', service.secrets.map(({ name, target }) => `${code(name)} at ${code(target)}`).join('\n')],
    [
      'Restart',
      service.restart
        ? code(service.restart)
        : service.oneShot
          ? 'never: it does one thing and ends'
          : 'never',
    ],
    ['Limits', limits.filter(Boolean).join(', ') || 'none'],
    ['Time to stop', service.stopGrace ? plain(service.stopGrace) : ''],
    ['Hardening', hardening(service)],
    [
      'Logs',
      service.logs
        ? /^\d/.test(service.logs)
          ? `files of ${service.logs} at most`
          : code(service.logs)
        : 'kept without bound',
    ],
    ['Profiles', service.profiles.map(code).join(', ')],
    ['Container', service.containerName ? code(service.containerName) : ''],
  ];
}

function userOf({ build }: StackService): string | undefined {
  const last = build?.stages.find(({ final }) => final);
  const user = last?.steps.filter(({ keyword }) => keyword === 'USER').at(-1)?.text;
  return user === undefined ? undefined : code(user);
}

function healthText(service: StackService, link: (path: string) => string): string {
  const { health } = service;
  if (!health)
    return service.oneShot ? '' : service.build ? 'none' : 'none of its own; the image may bring one';
  const where = health.from === 'service' || health.from === 'inline' ? '' : `, from ${link(health.from)}`;
  return `${code(health.test)}${where}: ${times(health)}`;
}

function times({ intervalMs, timeoutMs, retries, startPeriodMs, startIntervalMs }: StackHealth): string {
  const parts = [
    `every ${duration(intervalMs ?? HEALTH_DEFAULTS.intervalMs)}`,
    `${duration(timeoutMs ?? HEALTH_DEFAULTS.timeoutMs)} to answer`,
    `unhealthy after ${retries ?? HEALTH_DEFAULTS.retries} failures`,
  ];
  if (startPeriodMs) {
    parts.push(
      `while it starts (${duration(startPeriodMs)} at most) ${startIntervalMs ? `every ${duration(startIntervalMs)} and ` : ''}no failure counts`,
    );
  }
  return parts.join(', ');
}

function mountText({ type, source, target, readOnly, holds }: StackMount): string {
  const what =
    type === 'volume'
      ? source === undefined
        ? 'a volume without a name'
        : `volume ${code(source)}`
      : type === 'tmpfs'
        ? 'memory'
        : code(source ?? type);
  return `${what} at ${code(target)}${readOnly ? ', read-only' : ''}${holds ? `: ${holds}` : ''}`;
}

function hardening({ readOnly, dropsCapabilities, privileged }: StackService): string {
  return [
    privileged && '**privileged**: it may do what root of the machine may',
    readOnly && 'read-only root file system',
    dropsCapabilities && 'no capabilities',
  ]
    .filter((text) => text !== false)
    .join(', ');
}
