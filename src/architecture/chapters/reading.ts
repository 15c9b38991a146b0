import type { Chapter } from '../chapter.js';
import type { Stack } from '../stack.js';

export const reading: Chapter = {
  name: 'reading',
  heading: 'Further reading',
  body: ({ services, scaffold }: Stack) =>
    [
      '- [The Compose file](https://docs.docker.com/reference/compose-file/)',
      '- [How Compose ranks sources of variables](https://docs.docker.com/compose/how-tos/environment-variables/envvars-precedence/)',
      '- [Secrets in Compose](https://docs.docker.com/compose/how-tos/use-secrets/)',
      ...(services.some(({ build }) => build)
        ? [
            '- [The build cache](https://docs.docker.com/build/cache/)',
            '- [The Dockerfile](https://docs.docker.com/reference/dockerfile/)',
          ]
        : []),
      ...(services.some(({ kind }) => kind === 'PostgreSQL')
        ? ['- [PostgreSQL](https://www.postgresql.org/docs/current/)']
        : []),
      ...(scaffold ? ['- [Fastify](https://fastify.dev/docs/latest/), which the API is made with'] : []),
    ].join('\n'),
};
