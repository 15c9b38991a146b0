import { clientEndpoint, contextEndpoint } from '../engine/docker-contexts.js';
import { usageError } from '../errors.js';
import type { ChosenEnvironment } from '../project/environments.js';
import { shellWord } from '../system/argv.js';
import type { SshAddress } from '../system/ssh/address.js';
import type { GlobalSettings } from './settings.js';

/** An engine other than the docker client's default. */
export interface EnginePlace {
  /** Variables for the docker client; undefined unsets one. */
  variables: Record<string, string | undefined>;
  /** Set when the engine is on another machine, reached by SSH. */
  address?: SshAddress;
  /** See `LocatedHost`. */
  stateName?: string;
  /** The flags that the next command needs to reach the same engine. */
  flags?: string;
}

/**
 * Finds the engine: from the command line, else the environment, else the docker client's own variables and
 * settings. A machine reached by SSH is handled the same way, whichever of them names it.
 * @throws UserError USAGE for an invalid address
 */
export async function enginePlace(
  { host, context, engine }: Pick<GlobalSettings, 'host' | 'context' | 'engine'>,
  env: NodeJS.ProcessEnv,
  environment: ChosenEnvironment | undefined,
): Promise<EnginePlace | undefined> {
  if (engine === 'embedded' && (host !== undefined || context !== undefined)) {
    throw usageError(
      `${host === undefined ? `--context ${context}` : `--host ${host}`} is for Docker, and the embedded engine runs on this machine only`,
      'leave --engine and INVCTL_ENGINE away',
    );
  }
  if (host !== undefined) return bySsh(host, '--host', { flags: `--host ${shellWord(host)}` });
  if (context !== undefined) {
    const endpoint = contextEndpoint(env, context);
    const flags = `--context ${shellWord(context)}`;
    if (isSsh(endpoint)) return bySsh(endpoint, `the docker context ${context}`, { flags });
    const variables = { DOCKER_HOST: undefined, DOCKER_CONTEXT: context };
    const own = context === 'default' || endpoint === clientEndpoint(env);
    return { variables, flags, ...(own ? {} : { stateName: `context-${context}` }) };
  }
  if (environment?.host !== undefined) {
    return bySsh(environment.host, `environments.${environment.name}.host`, { stateName: undefined });
  }
  if (environment?.context !== undefined) {
    const endpoint = contextEndpoint(env, environment.context);
    if (!isSsh(endpoint)) return undefined;
    return bySsh(endpoint, `the docker context ${environment.context}`, { stateName: undefined });
  }
  const endpoint = engine === 'embedded' ? undefined : clientEndpoint(env);
  return isSsh(endpoint)
    ? bySsh(endpoint, env.DOCKER_HOST ? 'DOCKER_HOST' : 'the docker context', {})
    : undefined;
}

function isSsh(endpoint: string | undefined): endpoint is string {
  return /^ssh:\/\//i.test(endpoint ?? '');
}

async function bySsh(
  text: string,
  from: string,
  more: { flags?: string; stateName?: undefined },
): Promise<EnginePlace> {
  const { folderName, parseSshAddress } = await import('../system/ssh/address.js');
  const address = parseSshAddress(text, from);
  return {
    // The code that makes the connection adds the socket.
    variables: { DOCKER_CONTEXT: undefined, DOCKER_TLS_VERIFY: undefined, DOCKER_TLS: undefined },
    address,
    ...('stateName' in more ? {} : { stateName: folderName(address) }),
    ...(more.flags === undefined ? {} : { flags: more.flags }),
  };
}
