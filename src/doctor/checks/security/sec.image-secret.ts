import { isAbsolute, posix } from 'node:path';
import { readSecretFile } from '../../../project/secret-file.js';
import { isSecretName } from '../../../system/secret.js';
import { defineCheck, type Finding } from '../../check.js';
import { envFiles, readValues } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { grantedSecrets } from '../../granted-secrets.js';
import { sensitiveFiles, sensitiveFilesIn } from '../../sensitive-files.js';
import { imageOf } from '../../users.js';

/** Shorter values occur in texts by chance. */
const FEWEST_CHARACTERS = 8;

export const check = defineCheck({
  id: 'sec.image-secret',
  chapter: 'security',
  title: 'a secret is in an image',
  severity: 'fail',
  needs: ['config', 'docker'],
  why: 'Anyone who gets the image has the secret; no later layer takes it out again.',
  docs: `\`docker history --no-trunc IMAGE\` shows what ARG and ENV left behind, \`docker inspect\` the environment. Remove it from the Dockerfile, list it in \`.dockerignore\`, build again without cache, and change the secret: it is known to everybody who has the old image. At build time use \`RUN --mount=type=secret\`.`,
  async probe(facts) {
    const values = secretValues(facts);
    const findings: Finding[] = [];
    for (const service of Object.values(facts.project.services)) {
      if (!service.build) continue;
      const image = await imageOf(facts, service);
      if (!image) continue;
      const history = [...(await facts.docker.history(image.Id)), ...(image.Config.Env ?? [])].join('\n');
      for (const { name, value } of values) {
        if (!history.includes(value)) continue;
        findings.push({
          message: `the value of ${name} is in the layers or the environment of the image of "${service.name}"`,
          next: `remove it from the Dockerfile, invctl build --no-cache, then change ${name}`,
          service: service.name,
        });
      }
      const [container] = await facts.containersOf(service.name);
      if (!container || !isAbsolute(service.build.context)) continue;
      const mounted = container.Mounts.map(({ Destination }) => Destination);
      const folder = image.Config.WorkingDir || '/';
      const paths = sensitiveFilesIn(service.build.context, sensitiveFiles(facts))
        .map((path) => posix.join(folder, path))
        .filter((path) => !mounted.some((target) => path === target || path.startsWith(`${target}/`)));
      const present = await Promise.all(paths.map((path) => facts.docker.hasFile(container.Id, path)));
      findings.push(
        ...paths
          .filter((_, index) => present[index])
          .map((path) => ({
            message: `${path} is in the image of "${service.name}"`,
            next: 'add it to .dockerignore, then: invctl build --no-cache && invctl up',
            service: service.name,
          })),
      );
    }
    return findings;
  },
});

function secretValues(facts: Facts): { name: string; value: string }[] {
  const files = grantedSecrets(facts).map(({ name, file }) => ({
    name,
    value: readSecretFile(file)?.trim() ?? '',
  }));
  const variables = envFiles(facts).flatMap(({ file }) =>
    [...(readValues(file) ?? [])].flatMap(([name, { value }]) =>
      isSecretName(name) ? [{ name, value: value.replaceAll('$$', '$') }] : [],
    ),
  );
  return [...files, ...variables].filter(({ value }) => value.length >= FEWEST_CHARACTERS);
}
