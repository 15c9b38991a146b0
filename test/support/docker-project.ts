import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { type CliOptions, type CliResult, invctl } from './cli.js';
import { schemaErrors } from './schema.js';

const execute = promisify(execFile);

export async function docker(...args: string[]): Promise<string> {
  return (await execute('docker', args, { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export interface DockerProject {
  name: string;
  folder: string;
  /** Runs the built CLI in the project's folder on the Docker engine. */
  invctl(args: readonly string[], options?: Partial<CliOptions>): Promise<CliResult>;
  /** The same with `--json`, parsed, and held to its committed schema. */
  json(
    args: readonly string[],
    options?: Partial<CliOptions>,
  ): Promise<{ code: number | null; document: Document }>;
  write(file: string, content: string): Promise<void>;
  /** Containers, volumes, networks and images that carry the project's name. */
  leftovers(): Promise<string[]>;
  /** Removes all of them, and the folder. */
  remove(): Promise<void>;
}

export interface Document {
  schemaVersion: number;
  command: string;
  ok: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  data: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  error: any;
  warnings: string[];
}

/**
 * A temporary Compose project with a name of its own. `NAME` in the file's text becomes that name, `PORT` a free port.
 */
export async function createDockerProject(
  compose: string,
  suffix = '',
): Promise<DockerProject & { port: number }> {
  const folder = await mkdtemp(join(tmpdir(), `invctl-e2e-${suffix}`));
  const name = `invctl-e2e-${randomBytes(4).toString('hex')}`;
  const port = await freePort();
  const file = compose.replaceAll('NAME', name).replaceAll('PORT', String(port));
  await writeFile(join(folder, 'compose.yaml'), file);
  const state = `${folder}-state`;
  const run = (args: readonly string[], options: Partial<CliOptions> = {}) =>
    invctl(['--engine', 'docker', ...args], {
      cwd: folder,
      ...options,
      env: { INVCTL_STATE_DIR: state, ...options.env },
    });
  return {
    name,
    folder,
    port,
    invctl: run,
    async json(args, options) {
      const { code, stdout } = await run(['--json', ...args], options);
      const document = JSON.parse(stdout) as Document;
      const schema = document.ok ? document.command.replaceAll(' ', '-') : 'error';
      expect(schemaErrors(schema, document)).toEqual([]);
      return { code, document };
    },
    write: (path, content) => writeFile(join(folder, path), content),
    leftovers: () => leftovers(name),
    async remove() {
      await removeProject(name);
      await rm(folder, { recursive: true, force: true });
      await rm(state, { recursive: true, force: true });
    },
  };
}

/** What the engine still has of a project: by Compose's label, and images by name. */
export async function leftovers(name: string): Promise<string[]> {
  const label = `label=com.docker.compose.project=${name}`;
  const lists = await Promise.all([
    docker('ps', '--all', '--filter', label, '--format', 'container {{.Names}}'),
    docker('volume', 'ls', '--filter', label, '--format', 'volume {{.Name}}'),
    docker('network', 'ls', '--filter', label, '--format', 'network {{.Name}}'),
    docker('image', 'ls', '--format', 'image {{.Repository}}'),
  ]);
  return lists
    .flatMap((list) => list.split('\n'))
    .filter((line) => line !== '' && (!line.startsWith('image ') || line.startsWith(`image ${name}`)));
}

export async function removeProject(name: string): Promise<void> {
  const label = `label=com.docker.compose.project=${name}`;
  const of = async (...args: string[]) => (await docker(...args)).split('\n').filter(Boolean);
  const containers = await of('ps', '--all', '--quiet', '--filter', label);
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
  const volumes = await of('volume', 'ls', '--quiet', '--filter', label);
  if (volumes.length > 0) await docker('volume', 'rm', ...volumes);
  const networks = await of('network', 'ls', '--quiet', '--filter', label);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
  const images = (await of('image', 'ls', '--format', '{{.Repository}}')).filter((image) =>
    image.startsWith(name),
  );
  if (images.length > 0) await docker('image', 'rm', '--force', ...images);
}
