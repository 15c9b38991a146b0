import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectLocation } from './locate.js';
import type { ProjectSettings } from './settings-file.js';
import { SETTINGS_FILE } from './settings-path.js';

/**
 * `invctl.yaml` of a folder; undefined when there is none, and then its reader is not loaded.
 * @throws UserError CONFIG_INVALID (exit 4)
 */
export async function settingsIn(
  location: Pick<ProjectLocation, 'directory' | 'environment' | 'host'>,
): Promise<ProjectSettings | undefined> {
  if (!existsSync(join(location.directory, SETTINGS_FILE))) return undefined;
  const { readSettings } = await import('./settings-file.js');
  return readSettings(location);
}
