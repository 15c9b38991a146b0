import { Readable } from 'node:stream';
import type { Swarm, SwarmSecret } from '../../engine/swarm/swarm.js';
import { ExitCode, UserError } from '../../errors.js';
import type { ExportSource } from '../../export/source.js';
import type { ExportedSecret } from '../../export/swarm/secrets.js';
import { fingerprint, hasFingerprint } from './fingerprint.js';
import { secretContent } from './secret-values.js';

/** Label on a secret that invctl created: a fingerprint of its content. */
const FINGERPRINT = 'dev.invctl.fingerprint';
const PROJECT = 'dev.invctl.project';

/** The version of a secret that the stack is deployed with. */
export interface VersionedSecret {
  /** Key in the compose file. */
  key: string;
  /** Variable in the stack file that holds the version. */
  variable: string;
  base: string;
  version: number;
  /** Name in the Swarm. */
  name: string;
  /**
   * `new`: there was none. `changed`: every version has another content. `unknown`: the content of the
   * versions is not known.
   */
  state: 'kept' | 'new' | 'changed' | 'unknown';
  content: Buffer;
}

/**
 * Chooses the version of each of the project's secrets, and which have to be created: Swarm changes no
 * secret. A version whose content invctl does not know, because it was created by hand, is not taken for that
 * of the file.
 *
 * @throws UserError of {@link secretContent}, SECRET_EXTERNAL_MISSING
 */
export async function planSecrets(
  swarm: Swarm,
  source: ExportSource,
  exported: readonly ExportedSecret[],
): Promise<VersionedSecret[]> {
  const there = await swarm.secrets();
  const planned: VersionedSecret[] = [];
  for (const { key, base, version: variable } of exported) {
    if (variable === undefined) assertThere(there, key, base);
    else planned.push(versionOf(there, key, base, variable, await secretContent(source, key)));
  }
  return planned;
}

function versionOf(
  there: readonly SwarmSecret[],
  key: string,
  base: string,
  variable: string,
  content: Buffer,
): VersionedSecret {
  const versions = versionsOf(there, base);
  const same = versions.find(({ secret }) => hasFingerprint(content, secret.Spec.Labels?.[FINGERPRINT]));
  const common = { key, variable, base, content };
  if (same) return { ...common, version: same.version, name: same.secret.Spec.Name, state: 'kept' };
  const version = (versions[0]?.version ?? 0) + 1;
  const known = versions.some(({ secret }) => secret.Spec.Labels?.[FINGERPRINT]);
  const state = versions.length === 0 ? 'new' : known ? 'changed' : 'unknown';
  return { ...common, version, name: `${base}_v${version}`, state };
}

/** Newest first. */
function versionsOf(there: readonly SwarmSecret[], base: string): { version: number; secret: SwarmSecret }[] {
  return there
    .flatMap((secret) => {
      const { Name: name } = secret.Spec;
      const version = name.startsWith(`${base}_v`) ? name.slice(base.length + 2) : '';
      return /^[1-9]\d*$/.test(version) ? [{ version: Number(version), secret }] : [];
    })
    .sort((a, b) => b.version - a.version);
}

function assertThere(there: readonly SwarmSecret[], key: string, name: string): void {
  if (there.some(({ Spec }) => Spec.Name === name)) return;
  throw new UserError({
    code: 'SECRET_EXTERNAL_MISSING',
    message: `the secret ${key} is external, and the Swarm has none called ${name}`,
    hint: `docker secret create ${name} FILE`,
    exitCode: ExitCode.projectInvalid,
  });
}

/** Whether a deployment made the secret, out of a file. */
export function madeByInvctl({ Spec }: SwarmSecret): boolean {
  return Spec.Labels?.[FINGERPRINT] !== undefined;
}

/** Creates the missing versions. */
export async function createSecrets(
  swarm: Swarm,
  project: string,
  secrets: readonly VersionedSecret[],
): Promise<void> {
  for (const { name, content, state } of secrets) {
    if (state === 'kept') continue;
    const labels = { [PROJECT]: project, [FINGERPRINT]: fingerprint(content) };
    await swarm.createSecret(name, labels, Readable.from([content]));
  }
}

/** Removes all of invctl's versions older than the previous one, which a rollback needs. */
export async function removeOldSecrets(
  swarm: Swarm,
  secrets: readonly Pick<VersionedSecret, 'base' | 'version'>[],
): Promise<void> {
  const there = await swarm.secrets();
  for (const { base, version } of secrets) {
    const older = versionsOf(there, base).filter((one) => one.version < version);
    for (const { secret } of older.slice(1)) {
      if (secret.Spec.Labels?.[FINGERPRINT]) await swarm.removeSecret(secret.Spec.Name);
    }
  }
}
