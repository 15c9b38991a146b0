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

/** Of a finding about a secret with a provider that is not written yet: nobody has to do anything. */
export const WRITTEN_BY_UP = { severity: 'info', next: 'invctl up      (asks its provider)' } as const;

/**
 * Whether a new password in this secret could lock somebody out of data: it is the database's, and its volume is
 * there, or nobody can say that it is not.
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
 * Steps that put a file where a secret has none: as its provider gives it; else a new random one where it guards no data. Where it does, the old one,
 * out of a container that still has it mounted; else, after a question, a new one, to which `db.password-drift` then
 * brings the server.
 */
export async function makeSecret(
  facts: Facts,
  secret: GrantedSecret,
  options: { replaceFolder?: boolean } = {},
): Promise<FixStep[]> {
  const { file, name } = secret;
  const write = async (content: Secret) => {
    // Fails on a folder that holds anything.
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

/** A secret that is bind-mounted stays in the container when its file is removed or replaced by rename. */
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

/** A step that makes a secret readable for a container's user, and its own folder for nobody else of this machine. */
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
