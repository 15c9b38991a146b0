import { imageSettings } from '../../../postgres/image-variables.js';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type Finding } from '../../check.js';
import { dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { type ListeningSocket, parseListeningSockets } from '../../listening-sockets.js';
import { portPlace } from '../../published-ports.js';
import { isOfficialPostgres } from '../../roles.js';
import { imageOf } from '../../users.js';

/** A service that started less than this many milliseconds ago may not listen yet. */
const STARTING_MS = 15_000;

export const check = defineCheck({
  id: 'port.mismatch',
  chapter: 'ports',
  title: 'a port is mapped to one where the app does not listen',
  severity: 'fail',
  requires: ['app.exited', 'app.restarting', 'app.oom', 'db.unhealthy'],
  why: 'The connection is accepted on this machine and reset at once: nobody listens behind it.',
  docs: `In \`"8080:5003"\` the last number, and in \`"5003"\` the only one, has to be the port on which the program listens inside the container, on all addresses (0.0.0.0), not on 127.0.0.1. \`invctl exec api -- cat /proc/net/tcp\` shows the sockets (hexadecimal). Where the stack does not run, the check compares with \`PORT\` of the environment and \`EXPOSE\` of the image, and only warns.`,
  async probe(facts) {
    const findings: Finding[] = [];
    for (const service of Object.values(facts.project.services)) {
      // With host networking `ports` has no effect.
      if (service.networkMode === 'host' || service.ports.length === 0) continue;
      const { name } = service;
      const sockets = await socketsOf(facts, name);
      for (const [index, { target, published, protocol }] of service.ports.entries()) {
        if (protocol !== 'tcp') continue;
        const known = sockets ? undefined : databaseElsewhere(facts, service, target);
        const problem = sockets
          ? listensElsewhere(sockets, target)
          : (known ?? (await declaredElsewhere(facts, service, target)));
        if (!problem) continue;
        findings.push({
          message: `"${name}" maps to port ${target} in the container, but ${problem.text}`,
          ...(sockets || known
            ? {}
            : { severity: 'warn' as const, why: 'If nobody listens there, connections are reset.' }),
          next:
            published === undefined && problem.port !== undefined
              ? `write "127.0.0.1:${target}:${problem.port}"      (one number alone is the container's, and gets any port of the machine)`
              : problem.next,
          service: name,
          ...portPlace(facts, name, index),
        });
      }
    }
    return findings;
  },
});

interface Problem {
  text: string;
  next: string;
  /** The port that the program listens on instead. */
  port?: number;
}

/** The port of a PostgreSQL is known from its settings. */
function databaseElsewhere(facts: Facts, service: ComposeService, target: number): Problem | undefined {
  if (!facts.databases.includes(service) || !isOfficialPostgres(service)) return undefined;
  const { port } = imageSettings(service, () => undefined);
  if (port === undefined || port === target) return undefined;
  return { text: `PostgreSQL listens on ${port}`, next: `map to ${port} in place of ${target}`, port };
}

function listensElsewhere(sockets: readonly ListeningSocket[], target: number): Problem | undefined {
  const reachable = sockets.filter(({ loopback }) => !loopback);
  if (reachable.some(({ port }) => port === target)) return undefined;
  if (sockets.some(({ port }) => port === target)) {
    return {
      text: 'the app listens there on 127.0.0.1 only, which no other machine or container reaches',
      next: 'let it listen on 0.0.0.0 (often: HOST=0.0.0.0)',
    };
  }
  const ports = [...new Set(reachable.map(({ port }) => port))];
  if (ports.length === 0) return undefined;
  const [port] = ports as [number];
  return {
    text: `the app listens on ${ports.join(', ')}`,
    next: `map to ${port} in place of ${target}`,
    port,
  };
}

async function declaredElsewhere(
  facts: Facts,
  service: ComposeService,
  target: number,
): Promise<Problem | undefined> {
  const own = service.environment.PORT;
  if (own && /^\d+$/.test(own)) {
    if (Number(own) === target || service.ports.length > 1) return undefined;
    return { text: `PORT is ${own}`, next: `map to ${own} in place of ${target}` };
  }
  // For a published image only EXPOSE is known, and configuration often changes the port.
  if (!service.build || service.command) return undefined;
  const image = await imageOf(facts, service);
  const exposed = image
    ? Object.keys(image.Config.ExposedPorts ?? {}).map((key) => Number.parseInt(key, 10))
    : (dockerfileOf(service)?.lastStage ?? [])
        .filter(({ keyword }) => keyword === 'EXPOSE')
        .flatMap(({ words }) => words.map((word) => Number.parseInt(word, 10)));
  if (exposed.length === 0 || exposed.some((port) => !Number.isInteger(port)) || exposed.includes(target)) {
    return undefined;
  }
  return {
    text: `its image exposes ${exposed.join(', ')}`,
    next: `map to ${exposed[0]} in place of ${target}`,
  };
}

/** The listening sockets of a running service; undefined when they cannot be read, or may still be opened. */
async function socketsOf(facts: Facts, service: string): Promise<ListeningSocket[] | undefined> {
  const [container] = await facts.containersOf(service);
  if (container?.State.Status !== 'running') return undefined;
  const health = container.State.Health?.Status;
  const age = Date.now() - Date.parse(container.State.StartedAt);
  if (health === 'starting' || (health === undefined && age < STARTING_MS)) return undefined;
  const { status, stdout } = await facts.docker.exec(container.Id, [
    'cat',
    '/proc/net/tcp',
    '/proc/net/tcp6',
  ]);
  // Without IPv6 the second file is missing, and cat fails after it has printed the first.
  return stdout.includes('local_address') && (status === 0 || status === 1)
    ? parseListeningSockets(stdout)
    : undefined;
}
