import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decrypt, encryptInto, readIdentities } from '../../../src/backup/encryption.js';
import type { Database } from '../../../src/postgres/database.js';
import type { ServiceContext } from '../../../src/services/context.js';
import { withoutAge } from '../../support/age.js';

const CHUNK = 64 * 1024;

let folder: string;
let key: string;
let recipient: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'invctl age '));
  key = await generateX25519Identity();
  recipient = await identityToRecipient(key);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const identities = () => ({ file: join(folder, 'key.txt'), keys: [key] });

async function encrypted(content: Buffer, recipients = [recipient]): Promise<Buffer> {
  const parts: Buffer[] = [];
  const target = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(Buffer.from(chunk));
      done();
    },
  });
  const sink = await encryptInto(target, recipients);
  for (let at = 0; at < content.length; at += 50_000) sink.write(content.subarray(at, at + 50_000));
  sink.end();
  await finished(sink);
  expect(target.writableEnded).toBe(false);
  return Buffer.concat(parts);
}

const content = async (stored: Buffer, with_ = identities()) =>
  buffer(await decrypt(Readable.from([stored]), with_));

describe('encryption to age recipients', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 7])('gives %i bytes back', async (size) => {
    const plain = randomBytes(size);
    const stored = await encrypted(plain);
    expect(stored.subarray(0, 22).toString()).toBe('age-encryption.org/v1\n');
    expect(size > 8 && stored.includes(plain.subarray(0, 8))).toBe(false);
    expect(plain.equals(await content(stored))).toBe(true);
  });

  it.skipIf(withoutAge)('is read by age, and reads what age wrote', async () => {
    const plain = randomBytes(3 * CHUNK + 11);
    writeFileSync(join(folder, 'key.txt'), `# a comment\n${key}\n`);
    writeFileSync(join(folder, 'ours.age'), await encrypted(plain));
    const read = execFileSync('age', ['-d', '-i', 'key.txt', 'ours.age'], { cwd: folder });
    expect(plain.equals(read)).toBe(true);
    writeFileSync(join(folder, 'plain'), plain);
    execFileSync('age', ['-r', recipient, '-o', 'theirs.age', 'plain'], { cwd: folder });
    expect(plain.equals(await content(readFileSync(join(folder, 'theirs.age'))))).toBe(true);
  });

  it('holds no more in memory than a target that takes its time has taken', async () => {
    let release = () => {};
    let taken = 0;
    const target = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        release = done;
      },
    });
    const sink = await encryptInto(target, [recipient]);
    let accepted = 0;
    const write = () => sink.write(Buffer.alloc(CHUNK), () => (accepted += CHUNK));
    for (let i = 0; i < 64; i += 1) write();
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(accepted).toBeLessThanOrEqual(8 * CHUNK);
    const drained = setInterval(() => release(), 0);
    sink.end();
    await finished(sink);
    clearInterval(drained);
    expect(accepted).toBe(64 * CHUNK);
    expect(taken).toBeGreaterThan(64 * CHUNK);
  });

  it.each(['write', 'end'])('fails with the error of its target, at %s', async (when) => {
    const target = new Writable({
      write(_chunk, _encoding, done) {
        done(when === 'write' ? new Error('the disk is full') : null);
      },
    });
    const sink = await encryptInto(target, [recipient]);
    sink.write(randomBytes(3 * CHUNK), () => {
      if (when === 'end') target.destroy(new Error('the disk is full'));
      sink.end();
    });
    await expect(finished(sink)).rejects.toThrow('the disk is full');
  });

  it('passes no changed byte', async () => {
    const stored = await encrypted(randomBytes(2 * CHUNK));
    for (const at of [stored.length - 1, stored.length - CHUNK, 300]) {
      const changed = Buffer.from(stored);
      changed[at] = (changed[at] as number) ^ 1;
      await expect(content(changed)).rejects.toMatchObject({ code: 'BACKUP_UNREADABLE', exitCode: 8 });
    }
    for (const cut of [10, 150, stored.length - CHUNK - 16, stored.length - 1]) {
      await expect(content(stored.subarray(0, cut))).rejects.toMatchObject({ code: 'BACKUP_UNREADABLE' });
    }
  });

  it('tells a wrong key from a damaged file', async () => {
    const other = await generateX25519Identity();
    const stored = await encrypted(randomBytes(10), [await identityToRecipient(other)]);
    const error = await content(stored).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'IDENTITY_WRONG', exitCode: 1 });
    expect(error.message).toContain(recipient);
    expect(await content(stored, { ...identities(), keys: [key, other] })).toHaveLength(10);
  });

  it('refuses a recipient with a mistyped letter before anything is written', async () => {
    const last = recipient.endsWith('q') ? 'p' : 'q';
    const mistyped = recipient.slice(0, -1) + last;
    await expect(encryptInto(new Writable(), [mistyped])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 4,
    });
  });
});

describe('the identity file', () => {
  const read = (env: NodeJS.ProcessEnv, identity?: string) =>
    readIdentities(
      { env, directory: folder } as unknown as ServiceContext,
      { location: { directory: folder }, settings: { backup: { identity } } } as unknown as Database,
    );

  it('is named by the environment, else by invctl.yaml', async () => {
    writeFileSync(join(folder, 'a.txt'), `# created: now\n\n${key}\n`);
    const other = await generateX25519Identity();
    writeFileSync(join(folder, 'b.txt'), `${other}\r\n`);
    const env = { INVCTL_BACKUP_IDENTITY: 'a.txt' };
    expect(await read(env, 'b.txt')).toEqual({ file: join(folder, 'a.txt'), keys: [key] });
    expect(await read({}, 'b.txt')).toEqual({ file: join(folder, 'b.txt'), keys: [other] });
    await expect(read({})).rejects.toMatchObject({ code: 'IDENTITY_NEEDED' });
  });

  it.each([
    ['', 'holds no age identity'],
    ['ssh-ed25519 AAAA', 'line 1 is not an age identity'],
    ['age-encryption.org/v1\n-> scrypt', 'encrypted with a passphrase'],
    ['-----BEGIN AGE ENCRYPTED FILE-----\n', 'encrypted with a passphrase'],
  ])('is refused with %j in it', async (text, message) => {
    writeFileSync(join(folder, 'bad.txt'), text);
    await expect(read({}, 'bad.txt')).rejects.toMatchObject({
      code: 'IDENTITY_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('keeps a mistyped key to itself', async () => {
    const mistyped = key.slice(0, -1) + (key.endsWith('Q') ? 'P' : 'Q');
    const error = await content(await encrypted(randomBytes(3)), {
      file: join(folder, 'key.txt'),
      keys: [mistyped],
    }).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'IDENTITY_INVALID' });
    expect(JSON.stringify([error, error.message, error.hint, String(error.cause)])).not.toContain(
      mistyped.slice(16, 40),
    );
    writeFileSync(join(folder, 'bad.txt'), `${key}${key}`);
    const refused = await read({}, 'bad.txt').catch((caught) => caught);
    expect(JSON.stringify([refused, refused.message, refused.hint])).not.toContain(key.slice(16, 40));
    await expect(read({}, 'absent.txt')).rejects.toMatchObject({ code: 'IDENTITY_INVALID' });
  });
});
