import { defineCheck } from '../../check.js';

export const check = defineCheck({
  id: 'compose.absent',
  chapter: 'before-all',
  title: 'the docker client has no Compose v2',
  severity: 'fail',
  needs: ['docker'],
  blocksUp: 'COMPOSE_MISSING',
  why: 'The stack is started by `docker compose`; the old `docker-compose` (v1) reads another format.',
  docs: `Compose v2 is a plugin of the docker client. \`docker compose version\` fails where it is missing, even if \`docker-compose\` is there, which is v1 and no longer maintained. \`sudo apt-get install docker-compose-plugin\`, or see <https://docs.docker.com/compose/install/linux/>.`,
  async probe({ docker }) {
    const { compose } = await docker.versions();
    if (compose !== undefined) return [];
    return [
      {
        message: '`docker compose` is not there: the client has no Compose v2 plugin',
        next: 'sudo apt-get install docker-compose-plugin',
      },
    ];
  },
});
