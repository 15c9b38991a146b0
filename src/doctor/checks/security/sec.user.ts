import type { ComposeService } from '../../../project/model.js';
import { defineCheck } from '../../check.js';
import { dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { placeOf } from '../../reading.js';
import { imageOf } from '../../users.js';

/** Official images that run as root by default. */
const ROOT_BASES =
  /^(?:docker\.io\/(?:library\/)?)?(?:node|python|debian|ubuntu|alpine|golang|ruby|php|rust|openjdk|eclipse-temurin|amazoncorretto|fedora|busybox|bun|oven\/bun|denoland\/deno)(?::|@|$)/;

/** Images whose entrypoint or master process starts as root and switches to a user of its own. */
const STEPS_DOWN =
  /(?:^|\/)(?:postgres|postgis|timescaledb|pgvector|mysql|mariadb|mongo|redis|valkey|rabbitmq|memcached|nginx|httpd|haproxy|traefik|caddy)(?::|@|$)/;

export const check = defineCheck({
  id: 'sec.user',
  chapter: 'security',
  title: 'a service that is built here runs as root',
  severity: 'warn',
  why: 'A hole in the app is then root in the container, one kernel bug away from root of the machine.',
  docs: `Make a user in the Dockerfile and switch to it: \`USER 1000:1000\` (a number, so that Kubernetes can check it), or set \`user:\` of the service. A Dockerfile on top of an image that gives up root by itself, such as PostgreSQL's, needs neither. With a rootless engine, root of the container is nobody special, and the check is silent.`,
  async probe(facts) {
    if (await isRootless(facts)) return { skip: 'the engine is rootless' };
    const findings = Object.values(facts.project.services).map(async (service) => {
      const place = await runsAsRoot(facts, service);
      return place
        ? [
            {
              message: `"${service.name}" runs as root`,
              next: 'USER 1000:1000 at the end of its Dockerfile, or user: "1000:1000"',
              service: service.name,
              ...place,
            },
          ]
        : [];
    });
    return (await Promise.all(findings)).flat();
  },
});

async function isRootless(facts: Facts): Promise<boolean> {
  const docker = await facts.survey();
  const { SecurityOptions: options } = (await docker?.info()) ?? {};
  return options?.some((option) => option.includes('name=rootless')) ?? false;
}

async function runsAsRoot(
  facts: Facts,
  service: ComposeService,
): Promise<{ file?: string; line?: number } | undefined> {
  const isRoot = (user: string) => /^(root|0)(:|$)/.test(user);
  if (!service.build) return undefined;
  if (service.user !== undefined) {
    return isRoot(service.user) ? placeOf(facts.reading, 'services', service.name, 'user') : undefined;
  }
  // The Dockerfile comes first, because it decides the next build; then the image that runs today.
  const dockerfile = dockerfileOf(service, facts.reading);
  const user = dockerfile?.lastStage.filter(({ keyword }) => keyword === 'USER').at(-1);
  const from = dockerfile?.lastStage.find(({ keyword }) => keyword === 'FROM');
  if (dockerfile && user && isRoot(user.text)) return dockerfile.place(user.line);
  if (dockerfile && !user && from && ROOT_BASES.test(from.words[0] ?? '')) {
    return dockerfile.place(from.line);
  }
  if (STEPS_DOWN.test(from?.words[0] ?? '')) return undefined;
  const image = await imageOf(facts, service);
  const imageUser = image?.Config.User;
  return imageUser !== undefined && (imageUser === '' || isRoot(imageUser))
    ? placeOf(facts.reading, 'services', service.name, 'build')
    : undefined;
}
