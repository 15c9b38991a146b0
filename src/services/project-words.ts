import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateProject, type ProjectLocation } from '../project/locate.js';
import { resolvePath } from '../project/paths.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import { isSecretName } from '../system/secret.js';

/** Sections of a compose file whose keys completion offers. */
const SECTIONS = ['services', 'networks', 'volumes', 'secrets'] as const;
type Section = (typeof SECTIONS)[number];
export type ProjectWords = Section | 'variables' | 'backups' | 'environments';

/**
 * Names in a project, for completion: an empty list without a project, or when it cannot be read.
 * @param directory absolute
 */
export async function projectWords(
  what: ProjectWords,
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  try {
    const location = locateProject(directory, env);
    if (what === 'backups') return await backupNames(location);
    if (what === 'environments') return Object.keys((await settingsOf(location))?.environments ?? {});
    if (what === 'variables') return await variableNames(location, env);
    const names = sectionKeys(location, what);
    if (what !== 'secrets') return names;
    const variables = await variableNames(location, env).catch(() => []);
    return [...new Set([...names, ...variables.filter(isSecretName)])];
  } catch {
    return [];
  }
}

/** Reads by indentation only: a Tab must not wait for a YAML parser, nor fail on a broken file. */
function sectionKeys({ files }: ProjectLocation, section: Section): string[] {
  const names = new Set<string>();
  const lines = new RegExp(`^${section}:[^\\n]*\\n((?:[ \\t]+[^\\n]*\\n?|#[^\\n]*\\n?|\\s*\\n)*)`, 'm');
  for (const file of files) {
    const body = lines.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    const indent = /^( +)\S/m.exec(body)?.[1] ?? '  ';
    for (const match of body.matchAll(new RegExp(`^${indent}([A-Za-z0-9._-]+):`, 'gm'))) {
      names.add(match[1] as string);
    }
  }
  return [...names];
}

/**
 * Variables of every service. They come from several files, with `${…}` in file names, so this uses the full
 * reader.
 */
async function variableNames(location: ProjectLocation, env: NodeJS.ProcessEnv): Promise<string[]> {
  const [{ loadProject }, { serviceVariables }] = await Promise.all([
    import('../project/loaded-project.js'),
    import('../project/environment.js'),
  ]);
  const project = loadProject(location, env);
  const names = [...project.active].flatMap((service) => [
    ...serviceVariables(project, service, () => {}, { image: {}, run: [] }).keys(),
  ]);
  return [...new Set(names)];
}

/** Archives of the backup folder that have a manifest. */
async function backupNames(location: ProjectLocation): Promise<string[]> {
  const settings = await settingsOf(location);
  const folder = resolvePath(location.directory, settings?.backup.folder ?? 'backups');
  const names = new Set(readdirSync(folder));
  return [...names]
    .filter((name) => names.has(`${name}.manifest.json`))
    .sort()
    .reverse();
}

async function settingsOf(location: ProjectLocation): Promise<ProjectSettings | undefined> {
  if (!existsSync(join(location.directory, SETTINGS_FILE))) return undefined;
  const { readSettings } = await import('../project/settings-file.js');
  return readSettings(location);
}
