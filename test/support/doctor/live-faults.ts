import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../../src/system/ports.js';
import { docker } from '../docker-project.js';
import type { Fault } from './file-faults.js';
import type { SickProject } from './project.js';

export async function up(project: SickProject, ...args: string[]): Promise<void> {
  await docker('compose', '--project-directory', project.folder, 'up', '--detach', '--wait', ...args);
}

/**
 * Puts a script in front of the real client, for what an engine of another kind or another machine would answer.
 * `real` in the script is the path of the real one.
 */
function wrapDocker(project: SickProject, script: string): void {
  const real = project.run('sh', '-c', 'command -v docker').trim();
  const folder = join(project.folder, '..', 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\nreal=${real}\n${script}\nexec "$real" "$@"\n`);
  chmodSync(join(folder, 'docker'), 0o755);
  const { PATH } = project.env;
  project.env.PATH = `${folder}:${PATH}`;
  project.afterwards(() => {
    project.env.PATH = PATH;
  });
}

/** Faults of a running scaffold. The engine is a real one. */
export const LIVE_FAULTS: readonly Fault[] = [
  {
    id: 'engine.too-old',
    break: (p) => wrapDocker(p, 'case "$1 $2" in "version --format") echo "19.03.1 19.03.1"; exit 0 ;; esac'),
  },
  {
    id: 'compose.absent',
    break: (p) =>
      wrapDocker(
        p,
        `if [ "$1" = compose ]; then echo "docker: 'compose' is not a docker command." >&2; exit 1; fi`,
      ),
  },
  {
    id: 'clock.skew',
    break: (p) =>
      wrapDocker(
        p,
        `if [ "$1" = info ]; then "$real" "$@" | sed 's/"SystemTime":"[^"]*"/"SystemTime":"2001-09-09T01:46:40Z"/'; exit; fi`,
      ),
  },
  {
    id: 'vol.selinux',
    break: (p) =>
      wrapDocker(
        p,
        `if [ "$1" = info ]; then "$real" "$@" | sed 's/"SecurityOptions":\\[/"SecurityOptions":["name=selinux",/'; exit; fi`,
      ),
  },
  {
    id: 'db.password-drift',
    mended: true,
    break: (p) => {
      const old = p.read('secrets/db_password.txt');
      p.write('secrets/db_password.txt', `another-${old}`, 0o444);
      // Once the fault is over the server has the new password, and the file the old one.
      p.afterwards(async () => {
        p.write('secrets/db_password.txt', old, 0o444);
        await p.fix({ only: ['db.password-drift'] });
      });
    },
  },
  {
    id: 'db.role-missing',
    break: (p) => p.edit('compose.yaml', 'POSTGRES_USER: "shop"', 'POSTGRES_USER: "boss"'),
  },
  {
    id: 'db.database-missing',
    break: (p) => {
      p.edit('compose.yaml', 'POSTGRES_DB: "shop"', 'POSTGRES_DB: "orders"');
      p.edit('compose.yaml', 'DATABASE_NAME: "shop"', 'DATABASE_NAME: "orders"');
    },
  },
  {
    id: 'external.missing',
    break: (p) =>
      p.edit('compose.yaml', '  frontend: {}\n', `  frontend: { external: true, name: ${p.name}-absent }\n`),
  },
  {
    id: 'secret.missing',
    variant: "the database's, while it runs: the old one comes back",
    mended: true,
    break: (p) => p.remove('secrets/db_password.txt'),
  },
  {
    id: 'secret.directory',
    variant: "the database's",
    mended: true,
    break: (p) => {
      p.remove('secrets/db_password.txt');
      p.run('mkdir', 'secrets/db_password.txt');
    },
  },
  {
    id: 'env.invisible',
    mended: true,
    break: (p) => p.write('stack/.env', `${p.read('stack/.env')}\nADDED_LATER=yes\n`),
  },
  {
    id: 'env.stale',
    mended: true,
    break: (p) => p.edit('stack/.env', 'LOG_LEVEL=info', 'LOG_LEVEL=debug'),
  },
  {
    id: 'db.unhealthy',
    break: async (p) => {
      await docker('kill', `${p.name}-db-1`);
    },
  },
  {
    id: 'db.network',
    variant: 'a container was taken out of the network',
    break: async (p) => {
      await docker('network', 'disconnect', `${p.name}_backend`, `${p.name}-api-1`);
      p.afterwards(async () => {
        await docker('network', 'connect', '--alias', 'api', `${p.name}_backend`, `${p.name}-api-1`);
      });
    },
  },
  { id: 'db.major', break: (p) => p.edit('compose.yaml', 'postgres:16', 'postgres:17') },
  {
    id: 'port.container',
    mended: true,
    break: async (p) => {
      const port = await findFreePort('127.0.0.1');
      const name = `${p.name}-holder`;
      await docker(
        'run',
        '--detach',
        '--name',
        name,
        '--publish',
        `127.0.0.1:${port}:80`,
        'node:24-slim',
        'sleep',
        '600',
      );
      p.afterwards(async () => {
        await docker('rm', '--force', name);
      });
      p.edit('compose.yaml', `127.0.0.1:${p.port}:5003`, `127.0.0.1:${port}:5003`);
    },
  },
  {
    id: 'vol.foreign',
    break: async (p) => {
      const name = `${p.name}-foreign`;
      await docker('volume', 'create', '--label', 'com.docker.compose.project=somebody', name);
      p.afterwards(async () => {
        await docker('volume', 'rm', name);
      });
      p.edit('compose.yaml', 'pgdata: {}', `pgdata: { name: ${name} }`);
    },
  },
  {
    id: 'name.conflict',
    break: async (p) => {
      const name = `${p.name}-taken`;
      await docker('create', '--name', name, 'node:24-slim');
      p.afterwards(async () => {
        await docker('rm', name);
      });
      p.edit('compose.yaml', '    build: ./stack\n', `    build: ./stack\n    container_name: ${name}\n`);
    },
  },
  {
    id: 'orphans',
    mended: true,
    break: async (p) => {
      const label = 'com.docker.compose';
      const name = `${p.name}-worker-1`;
      await docker(
        'run',
        '--detach',
        '--name',
        name,
        ...['project', 'service', 'oneoff'].flatMap((key, index) => [
          '--label',
          `${label}.${key}=${[p.name, 'worker', 'False'][index]}`,
        ]),
        'node:24-slim',
        'sleep',
        '600',
      );
      p.afterwards(async () => {
        await docker('rm', '--force', name).catch(() => {});
      });
    },
  },
  {
    id: 'net.pool',
    break: async (p) => {
      const subnet = await docker(
        'network',
        'inspect',
        '--format',
        '{{(index .IPAM.Config 0).Subnet}}',
        `${p.name}_frontend`,
      );
      p.edit(
        'compose.yaml',
        '  frontend: {}\n',
        `  frontend: {}\n  wide: { ipam: { config: [{ subnet: ${subnet} }] } }\n`,
      );
      p.edit('compose.yaml', '[frontend, backend]', '[frontend, backend, wide]');
    },
  },
  {
    id: 'sec.image-secret',
    builds: true,
    variant: 'a file',
    also: ['sec.dockerignore'],
    break: async (p) => {
      p.remove('stack/.dockerignore');
      p.edit('stack/Dockerfile', 'COPY src ./src', 'COPY . .');
      await up(p, '--build', 'api');
    },
  },
  {
    id: 'sec.image-secret',
    builds: true,
    variant: 'a build argument',
    break: async (p) => {
      const key = /JWT_SECRET_KEY=(.*)/.exec(p.read('stack/.env'))?.[1] ?? '';
      p.edit('stack/Dockerfile', 'COPY src ./src', `RUN echo ${key} > /dev/null\nCOPY src ./src`);
      await up(p, '--build', 'api');
    },
  },
];

if (process.getuid?.() === 0) {
  (LIVE_FAULTS as Fault[]).push({
    id: 'engine.denied',
    // The real client, as a user whom the real socket is closed to.
    break: (p) => wrapDocker(p, 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$real" "$@"'),
  });
}
