import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * What the `docker` client keeps of its contexts below `~/.docker` (docker/cli, cli/context/store): one folder each,
 * named by the SHA-256 of the context's name.
 */

/** The name of the context that the client would use; `default` is that of this machine. */
export function configuredContext(env: NodeJS.ProcessEnv): string {
  try {
    const text = readFileSync(join(configFolder(env), 'config.json'), 'utf8');
    return (JSON.parse(text) as { currentContext?: string }).currentContext || 'default';
  } catch {
    return 'default';
  }
}

/** Where a context's engine is, such as `ssh://deploy@shop`; undefined for one that does not exist, and for `default`. */
export function contextEndpoint(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return metadata(env, createHash('sha256').update(name).digest('hex'))?.Endpoints?.docker?.Host;
}

/** Where the client would go by the variables and the settings of this shell; undefined: to this machine. */
export function clientEndpoint(env: NodeJS.ProcessEnv): string | undefined {
  return env.DOCKER_HOST || contextEndpoint(env, env.DOCKER_CONTEXT || configuredContext(env));
}

/** Of every context, without `default`. */
export function contextNames(env: NodeJS.ProcessEnv): string[] {
  try {
    return readdirSync(metadataFolder(env)).flatMap((folder) => metadata(env, folder)?.Name ?? []);
  } catch {
    return [];
  }
}

interface Metadata {
  Name?: string;
  Endpoints?: { docker?: { Host?: string } };
}

function metadata(env: NodeJS.ProcessEnv, folder: string): Metadata | undefined {
  try {
    return JSON.parse(readFileSync(join(metadataFolder(env), folder, 'meta.json'), 'utf8')) as Metadata;
  } catch {
    return undefined;
  }
}

function metadataFolder(env: NodeJS.ProcessEnv): string {
  return join(configFolder(env), 'contexts', 'meta');
}

function configFolder(env: NodeJS.ProcessEnv): string {
  return env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker');
}
