import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../../system/files.js';
import type { FixStep } from '../check.js';
import type { Facts } from '../facts.js';

const PASSWORD_BYTES = 32;

/**
 * Whether a new password in this secret could lock somebody out of data: it is the database's, and its volume is
 * there, or nobody can say that it is not.
 */
export async function guardsData(facts: Facts, secret: string): Promise<boolean> {
  const { database } = facts;
  if (!database?.secrets.some(({ source }) => source === secret)) return false;
  const engine = await facts.engine();
  if (engine.kind === 'docker') return (await facts.databaseVolume())?.exists ?? true;
  if (engine.kind === 'embedded') {
    return (await engine.engine.volumes(facts.location)).length > 0;
  }
  return engine.expected;
}

/** A step that writes a new random secret. */
export function makeSecret(facts: Facts, file: string, options: { replaceFolder?: boolean } = {}): FixStep {
  return {
    summary: `make ${facts.shown(file)} with ${PASSWORD_BYTES} random bytes`,
    async apply() {
      // Fails on a folder that holds anything.
      if (options.replaceFolder) await rmdir(file);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      // URL-safe, without a final newline: nothing that reads it reads it in another way.
      await writeFileAtomic(file, randomBytes(PASSWORD_BYTES).toString('base64url'), 0o444);
    },
  };
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
