import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Reads the contexts of the `docker` client below `~/.docker` (docker/cli, cli/context/store): one folder per
 * context, whose name is the SHA-256 of the context's name.
 */

/** Returns the name of the context that the client would use; `default` is this machine's. */
export function configuredContext(env: NodeJS.ProcessEnv): string {
  try {
    const text = readFileSync(join(configFolder(env), 'config.json'), 'utf8');
    return (JSON.parse(text) as { currentContext?: string }).currentContext || 'default';
  } catch {
    return 'default';
  }
}

/**
 * Returns the address of a context's engine, such as `ssh://deploy@shop`; undefined for `default` and for a
 * context that does not exist.
 */
export function contextEndpoint(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return metadata(env, createHash('sha256').update(name).digest('hex'))?.Endpoints?.docker?.Host;
}

/**
 * Returns the address of the engine that the client would use with the variables and settings of this shell;
 * undefined for this machine's.
 */
export function clientEndpoint(env: NodeJS.ProcessEnv): string | undefined {
  return env.DOCKER_HOST || contextEndpoint(env, env.DOCKER_CONTEXT || configuredContext(env));
}

/** Returns the names of all contexts without `default`. */
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
