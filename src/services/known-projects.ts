import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { EngineKind } from '../engine/engine.js';
import { hasErrorCode } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import { writeFileAtomic } from '../system/files.js';
import { makeStateFolder, stateRoot } from '../system/state-root.js';

const knownProject = z.object({
  name: z.string(),
  /** Absolute. */
  directory: z.string(),
  files: z.array(z.string()),
  engine: z.enum(['docker', 'embedded']),
  /** ISO time of the last `up`. */
  lastUp: z.string(),
});

/** A project that was brought up on this machine by this user. */
export type KnownProject = z.infer<typeof knownProject>;

/** Records a project, so that `list` shows it. Best effort: a failure does not stop `up`. */
export async function noteProject(
  { name, directory, files }: ProjectLocation,
  engine: EngineKind,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const project: KnownProject = { name, directory, files, engine, lastUp: new Date().toISOString() };
  try {
    await makeStateFolder(stateRoot(env), 'traversable');
    await mkdir(notesFolder(env), { recursive: true, mode: 0o700 });
    await writeFileAtomic(noteOf(project, env), `${JSON.stringify(project, null, 2)}\n`, 0o600);
  } catch {
    // The home may be read-only.
  }
}

/** Every recorded project, by name. A record that cannot be read is skipped. */
export async function knownProjects(env: NodeJS.ProcessEnv): Promise<KnownProject[]> {
  const names = await readdir(notesFolder(env)).catch((error) => {
    if (hasErrorCode(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return [];
    throw error;
  });
  const projects = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]+\.json$/.test(name))
      .map(async (name) => {
        const text = await readFile(join(notesFolder(env), name), 'utf8').catch(() => '');
        return knownProject.safeParse(parseJson(text)).data;
      }),
  );
  return projects
    .filter((project) => project !== undefined)
    .sort((a, b) => a.name.localeCompare(b.name) || a.directory.localeCompare(b.directory));
}

export async function forgetProject(
  project: Pick<KnownProject, 'name' | 'directory'>,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  await rm(noteOf(project, env), { force: true });
}

function notesFolder(env: NodeJS.ProcessEnv): string {
  return join(stateRoot(env), 'known');
}

/** A folder may have several environments, each with its own name. */
function noteOf(
  { name, directory }: Pick<KnownProject, 'name' | 'directory'>,
  env: NodeJS.ProcessEnv,
): string {
  const id = createHash('sha256').update(`${name}\0${directory}`).digest('hex').slice(0, 32);
  return join(notesFolder(env), `${id}.json`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
