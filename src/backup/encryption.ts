import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ExitCode, hasErrorCode, UserError } from '../errors.js';
import type { Database } from '../postgres/database.js';
import { resolvePath } from '../project/paths.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import type { World } from '../system/world.js';
import { AGE_MAGIC } from './file-kind.js';
import { unreadable } from './unreadable.js';

/**
 * Variable with the path of a file with the identities that decrypt backups. It overrides `backup.identity`
 * of invctl.yaml.
 */
const IDENTITY_VARIABLE = 'INVCTL_BACKUP_IDENTITY';

const IDENTITY = /^AGE-SECRET-KEY-1[AC-HJ-NP-Z02-9]{58}$/;
const KEYGEN = 'age-keygen -o key.txt      (keep it away from the backups)';

/** The private keys of a file. No message contains them. */
export interface Identities {
  /** Absolute path. */
  file: string;
  keys: readonly string[];
}

/** Returns the file that the environment or invctl.yaml names; undefined if neither does. */
function identityFile(
  context: Pick<World, 'env' | 'directory'>,
  { location, settings }: Pick<Database, 'location' | 'settings'>,
): string | undefined {
  const variable = context.env[IDENTITY_VARIABLE];
  if (variable) return resolve(context.directory, variable);
  const { identity } = settings.backup;
  return identity === undefined ? undefined : resolvePath(location.directory, identity);
}

/**
 * Reads the identities that decrypt this project's backups, in the format of age-keygen.
 * @throws UserError IDENTITY_NEEDED, IDENTITY_INVALID
 */
export async function readIdentities(context: World, database: Database): Promise<Identities> {
  const file = identityFile(context, database);
  if (file === undefined) {
    throw new UserError({
      code: 'IDENTITY_NEEDED',
      message: 'the backup is encrypted, and no file with an age identity is named',
      hint: `${IDENTITY_VARIABLE}=key.txt before the same command, or backup.identity in ${SETTINGS_FILE}`,
    });
  }
  const text = await readFile(file, 'utf8').catch((error) => {
    if (hasErrorCode(error, 'ENOENT', 'EACCES', 'EISDIR')) return undefined;
    throw error;
  });
  if (text === undefined) throw invalidIdentity(file, 'cannot be read', `ls -l ${file}`);
  if (text.startsWith(AGE_MAGIC) || text.startsWith('-----BEGIN AGE ENCRYPTED FILE-----')) {
    throw invalidIdentity(
      file,
      'is itself encrypted with a passphrase',
      `in bash, so that the key touches no disk: ${IDENTITY_VARIABLE}=<(age -d ${file}) and the same command`,
    );
  }
  const keys: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (!IDENTITY.test(line)) throw invalidIdentity(file, `line ${index + 1} is not an age identity`, KEYGEN);
    keys.push(line);
  }
  if (keys.length === 0) throw invalidIdentity(file, 'holds no age identity', KEYGEN);
  return { file, keys };
}

/** Returns the public keys, `age1…`, of private ones. */
export async function recipientsOf({ keys }: Identities): Promise<string[]> {
  const { identityToRecipient } = await import('age-encryption');
  return Promise.all(keys.map((key) => identityToRecipient(key)));
}

function invalidIdentity(file: string, what: string, hint: string): UserError {
  return new UserError({
    code: 'IDENTITY_INVALID',
    message: `the identity file ${file} ${what}`,
    hint,
    file,
  });
}

/**
 * Returns a stream that encrypts its input into `target`. When it has finished, all of it was written to
 * `target`, which is not ended; an error of `target` passes through unchanged. Memory stays constant.
 * @param recipients public keys, `age1…`.
 * @throws UserError CONFIG_INVALID (exit 4) for a recipient with a mistyped letter.
 */
export async function encryptInto(target: Writable, recipients: readonly string[]): Promise<Writable> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new UserError({
        code: 'CONFIG_INVALID',
        message: `backup.encryptTo: ${recipient} is not an age recipient: a letter is wrong`,
        hint: `mend ${SETTINGS_FILE}; age-keygen -y key.txt prints the recipient of an identity`,
        exitCode: ExitCode.projectInvalid,
      });
    }
  }
  const passing = new TransformStream<Uint8Array, Uint8Array>();
  const plain = passing.writable.getWriter();
  const written = pipeline(Readable.from(await encrypter.encrypt(passing.readable)), target, { end: false });
  written.catch(() => {});
  // If the target fails, its own error says more than the error that the stream to it is closed.
  const orWhy = async (step: Promise<void>) =>
    step.catch(async (error) => written.then(() => Promise.reject(error)));
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      orWhy(plain.write(chunk)).then(() => done(), done);
    },
    final(done) {
      orWhy(plain.close())
        .then(() => written)
        .then(() => done(), done);
    },
    destroy(error, done) {
      plain.abort(error).then(
        () => done(error),
        () => done(error),
      );
    },
  });
  // The caller of write or end gets the error. Without a listener it would end the process.
  sink.on('error', () => {});
  return sink;
}

/**
 * Decrypts a stream.
 * @throws UserError IDENTITY_WRONG; BACKUP_UNREADABLE (exit 8), also from the stream: every changed byte is
 * detected.
 */
export async function decrypt(stored: Readable, { file, keys }: Identities): Promise<Readable> {
  const { Decrypter, identityToRecipient } = await import('age-encryption');
  const decrypter = new Decrypter();
  try {
    for (const key of keys) decrypter.addIdentity(key);
  } catch {
    stored.destroy();
    throw invalidIdentity(file, 'holds an age identity with a wrong letter', KEYGEN);
  }
  try {
    const plain = await decrypter.decrypt(ReadableStream.from(stored) as ReadableStream<Uint8Array>);
    return Readable.from(authentic(plain), { objectMode: false });
  } catch (error) {
    stored.destroy();
    if (!(error instanceof Error) || 'code' in error) throw error;
    if (!error.message.startsWith('no identity matched')) throw unreadable(`age: ${error.message}`);
    const recipients = await Promise.all(keys.map((key) => identityToRecipient(key)));
    throw new UserError({
      code: 'IDENTITY_WRONG',
      message: `the backup is encrypted to other recipients than ${recipients.join(', ')}, which the identity file ${file} opens`,
      hint: `${IDENTITY_VARIABLE}=another-key.txt before the same command; the backup's manifest names its recipients`,
    });
  }
}

async function* authentic(plain: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* plain;
  } catch (error) {
    // Errors of the disk and of an interruption have a code; those of age have none.
    if (!(error instanceof Error) || 'code' in error) throw error;
    throw unreadable(`it does not decrypt: ${error.message}`);
  }
}
