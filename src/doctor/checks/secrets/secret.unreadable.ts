import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { makeReadable } from '../../fix/secret-file.js';
import { type GrantedSecret, grantedSecrets } from '../../granted-secrets.js';
import { causeOfCheck } from '../../log-causes.js';
import { serviceKeys } from '../../reading.js';
import { type ContainerUser, containerUser } from '../../users.js';

export const check = defineCheck({
  id: 'secret.unreadable',
  chapter: 'secrets',
  title: "the container's user cannot read a secret",
  severity: 'fail',
  requires: ['secret.missing', 'secret.directory'],
  why: 'A secret that is a file is mounted with its own owner and mode; `uid`, `gid` and `mode` of the grant are ignored.',
  docs: `A file with mode 0600 of your user cannot be read by a container that runs as another. What works and keeps other users of the machine out: the folder 0700, the file 0444. \`ls -ln secrets\` shows owner and mode, \`invctl exec api -- id\` the container's user.`,
  async probe(facts) {
    const found = await unreadable(facts);
    return found.map(({ secret, service, user }) => ({
      message: `"${service.name}" runs as ${user} and cannot read the secret "${secret.name}"`,
      next: `chmod 0444 ${facts.argument(secret.file)}${isInside(facts, dirname(secret.file)) ? ` && chmod 0700 ${facts.argument(dirname(secret.file))}` : ''}`,
      service: service.name,
      file: secret.file,
      mend: async () => [makeReadable(facts, secret.file)],
    }));
  },
  fix: { safety: 'safe' },
});

/** Whether the folder is inside of the project, so that it belongs to the secrets alone. */
function isInside({ location }: Facts, folder: string): boolean {
  return folder.startsWith(`${location.directory}/`);
}

interface Unreadable {
  secret: GrantedSecret;
  service: ComposeService;
  user: string;
}

async function unreadable(facts: Facts): Promise<Unreadable[]> {
  // On another system the engine's virtual machine has its own owners and modes.
  if (process.platform !== 'linux') return [];
  // A file that is copied to another machine can be read by everybody in the container there.
  if (facts.location.host?.remote) return [];
  const found: Unreadable[] = [];
  for (const secret of grantedSecrets(facts)) {
    const stats = statSync(secret.file, { throwIfNoEntry: false });
    if (!stats?.isFile()) continue;
    for (const name of secret.services) {
      const service = facts.project.services[name];
      if (!service) continue;
      const user = await containerUser(facts, service);
      const refused =
        user === undefined
          ? await saidSo(facts, service, secret)
          : !mayRead(stats, user, hasNoCapabilities(facts, name));
      if (refused) found.push({ secret, service, user: user ? `uid ${user.uid}` : 'another user' });
    }
  }
  return found;
}

/** Root reads everything by a capability; without that capability it is treated like any user. */
function mayRead(stats: Stats, { uid, gid }: ContainerUser, powerless: boolean): boolean {
  if (uid === 0 && !powerless) return true;
  if (stats.uid === uid) return (stats.mode & 0o400) !== 0;
  if (gid !== undefined && stats.gid === gid) return (stats.mode & 0o040) !== 0;
  return (stats.mode & 0o004) !== 0;
}

function hasNoCapabilities(facts: Facts, service: string): boolean {
  const { cap_drop: dropped = [], cap_add: added = [] } = serviceKeys(facts.reading, service);
  return (
    dropped.includes('ALL') && !added.some((name: string) => /ALL|DAC_OVERRIDE|DAC_READ_SEARCH/.test(name))
  );
}

async function saidSo(facts: Facts, service: ComposeService, secret: GrantedSecret): Promise<boolean> {
  const engine = await facts.engine();
  if (engine.kind === 'none') return false;
  const target = service.secrets.find(({ source }) => source === secret.name)?.target ?? '';
  const status = (await facts.status()).find(({ name }) => name === service.name);
  if (!status || (status.state === 'running' && status.health !== 'unhealthy')) return false;
  return (
    causeOfCheck('secret.unreadable', facts, await facts.logs(service.name))?.match[0].includes(target) ??
    false
  );
}
