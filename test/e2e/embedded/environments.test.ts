import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../../src/system/ports.js';
import { type CliResult, invctl } from '../../support/cli.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

/** An environment beside the project itself, as processes of this machine. */
describe('an environment on the embedded engine', () => {
  let stack: TinyStack;
  let port: number;
  const run = (...args: string[]): Promise<CliResult> =>
    invctl(['--engine', 'embedded', ...args], {
      cwd: stack.directory,
      env: { INVCTL_STATE_DIR: join(stack.home, 'state') },
    });
  const on = (...args: string[]) => run('--environment', 'staging', ...args);

  beforeAll(async () => {
    stack = await createTinyStack();
    port = await findFreePort('127.0.0.1', stack.port);
    await writeFile(
      join(stack.directory, 'compose.staging.yaml'),
      `services: { api: { ports: !override ["127.0.0.1:${port}:5003"], environment: { GREETING: staged } } }\n`,
    );
    await writeFile(
      join(stack.directory, 'invctl.yaml'),
      'environments: { staging: { files: [compose.yaml, compose.staging.yaml], protected: true } }\n',
    );
  });
  afterAll(async () => {
    await on('down', '--volumes', '--no-backup', '--confirm', `${stack.name}-staging`);
    await stack.remove();
  });

  it('has a database, processes and a port of its own', async () => {
    const up = await on('up', '--json');
    expect([up.code, up.stderr]).toEqual([0, expect.anything()]);
    expect(JSON.parse(up.stdout)).toMatchObject({
      environment: 'staging',
      data: { project: `${stack.name}-staging`, engine: 'embedded' },
    });
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    expect((await on('ps')).stdout).toContain(
      `environment staging (project ${stack.name}-staging, protected)`,
    );
    expect((await run('ps')).stdout).toBe(`${stack.name} is not up; start it with: invctl up\n`);
    expect((await on('env', 'list', 'api')).stdout).toMatch(/GREETING +environment +\S+ +staged/);
    expect(existsSync(join(stack.directory, '.invctl', 'engine'))).toBe(false);
  });

  it('is kept from a loss by its protection alone', async () => {
    const refused = await on('--yes', 'down', '--volumes');
    expect([refused.code, refused.stderr]).toEqual([
      7,
      expect.stringContaining(`the same command with --confirm ${stack.name}-staging`),
    ]);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    expect((await run('down', '--volumes', '--confirm', stack.name)).code).toBe(0);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  });
});
