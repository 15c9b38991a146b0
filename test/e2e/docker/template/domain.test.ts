import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, freePort } from '../../../support/docker-project.js';
import { temporaryFolder } from '../../../support/folder.js';

const execute = promisify(execFile);
const IMAGE = 'caddy:2.11-alpine';

it.skipIf(withoutDocker)(
  'serves a scaffold by HTTPS, and believes no address that a client names',
  async ({ skip }) => {
    const hasImage = await docker('image', 'inspect', IMAGE).then(
      () => true,
      () => false,
    );
    skip(!hasImage, `no image ${IMAGE} here: docker pull ${IMAGE}`);
    const root = await temporaryFolder();
    const name = `invctl-e2e-${process.pid}-domain`;
    const folder = join(root, name);
    const [port, http, https] = [await freePort(), await freePort(), await freePort()];
    const run = (...args: string[]) =>
      invctl(['--engine', 'docker', ...args], {
        cwd: root,
        env: { HTTP_PORT: `${http}`, HTTPS_PORT: `${https}` },
      });
    try {
      await run('init', name, '--port', `${port}`, '--domain', 'shop.localhost');
      const up = await run('-C', name, 'up');
      expect([up.code, up.stderr]).toEqual([0, expect.anything()]);
      const authority = await docker(
        'exec',
        `${name}-proxy-1`,
        'cat',
        '/data/caddy/pki/authorities/local/root.crt',
      );
      await writeFile(join(folder, 'root.crt'), authority);
      const curl = async (...args: string[]) =>
        (
          await execute('curl', [
            '--silent',
            '--show-error',
            '--cacert',
            join(folder, 'root.crt'),
            '--resolve',
            `shop.localhost:${https}:127.0.0.1`,
            ...args,
          ])
        ).stdout;
      const health = await curl('--include', `https://shop.localhost:${https}/health`);
      expect(health).toContain('"status":"ok"');
      expect(health).toMatch(/^strict-transport-security: max-age=300/im);
      expect(await curl('--write-out', '%{http_code}', `https://shop.localhost:${https}/metrics`)).toBe(
        '404',
      );
      expect(await docker('port', `${name}-api-1`)).toBe(`5003/tcp -> 127.0.0.1:${port}`);
      // The API counts wrong passwords by address: with each request from "another", it would never refuse.
      const statuses: string[] = [];
      for (let i = 0; i < 11; i++) {
        statuses.push(
          await curl(
            ...['--output', '/dev/null', '--write-out', '%{http_code}'],
            ...[
              '--header',
              `X-Forwarded-For: 6.6.6.${i}`,
              '--json',
              '{"username":"a","password":"wrong-wrong-wrong"}',
            ],
            `https://shop.localhost:${https}/api/v1/auth/login`,
          ),
        );
      }
      expect(statuses).toEqual([...Array(10).fill('401'), '429']);
    } finally {
      await run('-C', name, 'down', '--volumes', '--confirm', name);
      await docker('image', 'rm', '--force', `${name}-api`).catch(() => '');
    }
  },
  300_000,
);
