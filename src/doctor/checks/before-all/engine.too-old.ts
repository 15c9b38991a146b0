import { defineCheck, type Finding } from '../../check.js';

/**
 * The oldest versions with what a scaffold uses: `start_interval` came with Engine 25, `develop` with Compose
 * 2.22.
 */
const OLDEST = { engine: [25, 0], compose: [2, 22] } as const;
/** The oldest versions that support today's Compose format. */
const OLDEST_FOR_ANY = { engine: [20, 10], compose: [2, 0] } as const;

export const check = defineCheck({
  id: 'engine.too-old',
  chapter: 'before-all',
  title: 'Docker Engine or Compose is too old',
  severity: 'fail',
  needs: ['docker'],
  why: 'An older one refuses keys of the compose file, or ignores them silently.',
  docs: `A scaffold needs Docker Engine 25 for the health check's \`start_interval\`, and Compose 2.22 for \`develop\`; other projects Engine 20.10 and Compose 2.0. \`docker version\` and \`docker compose version\` show what is there. Update from <https://docs.docker.com/engine/install/>.`,
  async probe({ docker, scaffold }) {
    const versions = await docker.versions();
    const oldest = scaffold ? OLDEST : OLDEST_FOR_ANY;
    const findings: Finding[] = [];
    const judge = (what: string, version: string, minimum: readonly [number, number]) => {
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (!Number.isFinite(major) || major > minimum[0]) return;
      if (major === minimum[0] && minor >= minimum[1]) return;
      findings.push({
        message: `${what} ${version} is older than ${minimum.join('.')}, which this project needs`,
        next: 'update it: https://docs.docker.com/engine/install/',
      });
    };
    judge('Docker Engine', versions.server, oldest.engine);
    if (versions.compose) judge('Docker Compose', versions.compose, oldest.compose);
    return findings;
  },
});
