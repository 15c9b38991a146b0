import { chmod, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeSecretFile } from '../../project/secret-file.js';
import { askProvider } from '../../project/secret-provider.js';
import { randomSecret } from '../../system/random-secret.js';
import { Secret } from '../../system/secret.js';
import type { FixStep } from '../check.js';
import { databaseVolume } from '../data-folder.js';
import type { Facts } from '../facts.js';
import type { GrantedSecret } from '../granted-secrets.js';

const PASSWORD_BYTES = 32;

/** Part of the finding about a secret whose provider has not written it yet: nothing has to be done. */
export const WRITTEN_BY_UP = { severity: 'info', next: 'invctl up      (asks its provider)' } as const;

/**
 * Whether a new password in this secret could make data inaccessible: it is the database's, and its volume
 * exists, or that is not known.
 */
export async function guardsData(facts: Facts, secret: string): Promise<boolean> {
  const { database } = facts;
  if (!database?.secrets.some(({ source }) => source === secret)) return false;
  const found = await facts.engine();
  if (found.kind === 'none') return found.expected;
  if (found.engine.survey) return (await databaseVolume(facts))?.exists ?? true;
  return (await found.engine.volumes(facts.location)).length > 0;
}

/**
 * Steps that create the missing file of a secret: from its provider; else with a new random value if it
 * guards no data. If it does, with the old value from a container that still has it mounted; else, after a
 * question, with a new one, which `db.password-drift` then sets on the server.
 */
export async function makeSecret(
  facts: Facts,
  secret: GrantedSecret,
  options: { replaceFolder?: boolean } = {},
): Promise<FixStep[]> {
  const { file, name } = secret;
  const write = async (content: Secret) => {
    // rmdir fails on a folder that is not empty.
    if (options.replaceFolder) await rmdir(file);
    await writeSecretFile(file, content);
  };
  const random = () => randomSecret(PASSWORD_BYTES);
  const shown = facts.shown(file);
  const provider = facts.settings?.secrets[name];
  if (provider) {
    const ask = () => askProvider(name, provider, { ...facts, directory: facts.location.directory });
    return [{ summary: `write ${shown} as its provider gives it`, apply: async () => write(await ask()) }];
  }
  if (!(await guardsData(facts, name))) {
    return [{ summary: `make ${shown} with ${PASSWORD_BYTES} random bytes`, apply: () => write(random()) }];
  }
  const mounted = await mountedSecret(facts, secret);
  if (mounted !== undefined) {
    const old = new Secret(mounted);
    return [{ summary: `write ${shown} as a running container still has it`, apply: () => write(old) }];
  }
  return [
    {
      summary: `make a new ${shown}; the server keeps the old password until \`invctl up\` and \`invctl doctor --fix --yes\``,
      ask: true,
      apply: () => write(random()),
    },
  ];
}

/** Reads a secret from a container: a bind mount keeps the file when it is removed or replaced by rename. */
async function mountedSecret(facts: Facts, { name, services }: GrantedSecret): Promise<string | undefined> {
  for (const service of services) {
    const target = facts.project.services[service]?.secrets.find(({ source }) => source === name)?.target;
    const container = (await facts.containersOf(service)).find(({ State }) => State.Status === 'running');
    if (!container || target === undefined) continue;
    const { status, stdout } = await facts.docker.exec(container.Id, ['cat', target]);
    if (status === 0 && stdout.trim() !== '') return stdout;
  }
  return undefined;
}

/**
 * A step that makes a secret readable for a container's user, and closes its own folder to other users of
 * this machine.
 */
export function makeReadable(facts: Facts, file: string): FixStep {
  const folder = dirname(file);
  const ownFolder = folder.startsWith(`${facts.location.directory}/`);
  return {
    summary: `chmod 0444 ${facts.shown(file)}${ownFolder ? `, chmod 0700 ${facts.shown(folder)}` : ''}`,
    async apply() {
      if (ownFolder) await chmod(folder, 0o700);
      await chmod(file, 0o444);
    },
  };
}
