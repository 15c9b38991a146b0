import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, freePort } from '../../../support/docker-project.js';
import { temporaryFolder } from '../../../support/folder.js';

const MONITORS = ['prometheus', 'alertmanager', 'node-exporter', 'postgres-exporter'];

it.skipIf(withoutDocker)(
  'a scaffold that is watched: what is measured, a backup that is told of, an alert in status',
  async ({ skip }) => {
    const root = await temporaryFolder();
    const name = `invctl-e2e-${process.pid}-monitoring`;
    const folder = join(root, name);
    const [port, prometheus, alertmanager] = [await freePort(), await freePort(), await freePort()];
    const run = (...args: string[]) => invctl(['--engine', 'docker', '-C', folder, ...args], { cwd: root });
    const init = ['init', folder, '--port', `${port}`, '--monitoring'];
    expect((await invctl(init, { cwd: root })).code).toBe(0);
    await writeFile(
      join(folder, '.env'),
      `COMPOSE_PROFILES=monitoring\nPROMETHEUS_PORT=${prometheus}\nALERTMANAGER_PORT=${alertmanager}\n`,
    );
    const { services } = parse((await run('config')).stdout);
    for (const monitor of MONITORS) {
      const { image } = services[monitor];
      const found = await docker('image', 'inspect', image).then(
        () => true,
        () => false,
      );
      skip(!found, `no image ${image} here: docker pull ${image}`);
    }
    const query = async (expr: string) => {
      const url = `http://127.0.0.1:${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`;
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      return data.result;
    };
    const status = async () => JSON.parse((await run('--json', 'status')).stdout).data;
    try {
      const up = await run('up');
      expect([up.code, up.stderr]).toEqual([0, expect.anything()]);
      // Each of them once, and the API once.
      await expect
        .poll(async () => (await query('up == 1')).map(({ metric }) => metric.job).sort(), {
          timeout: 60_000,
          interval: 1000,
        })
        .toEqual(['alertmanager', 'api', 'node', 'postgres', 'prometheus']);
      await expect
        .poll(async () => (await query('pg_up'))[0]?.value[1], { timeout: 30_000, interval: 1000 })
        .toBe('1');
      expect((await query('node_filesystem_avail_bytes{fstype!="tmpfs"}')).length).toBeGreaterThan(0);
      expect((await status()).alerts).toEqual([]);

      expect((await run('db', 'backup')).code).toBe(0);
      await expect
        .poll(async () => (await query('invctl_backup_taken_timestamp_seconds'))[0]?.metric.project, {
          timeout: 60_000,
          interval: 1000,
        })
        .toBe(name);

      expect((await run('secrets', 'rotate', 'db_password')).code).toBe(0);
      await run('stop', 'db');
      await expect
        .poll(async () => (await status()).alerts.map((alert: { name: string }) => alert.name), {
          timeout: 180_000,
          interval: 3000,
        })
        .toContain('DatabaseDown');
      expect((await run('status')).stdout).toContain('critical: The database does not answer, for');
      await run('start', 'db');
      await expect
        .poll(async () => (await status()).alerts, { timeout: 240_000, interval: 3000 })
        .toEqual([]);
    } finally {
      await run('down', '--volumes', '--yes', '--confirm', name);
      await docker('image', 'rm', '--force', `${name}-api`).catch(() => {});
    }
  },
  900_000,
);
