import { UserError } from '../errors.js';
import type { Database } from '../postgres/database.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import type { World } from '../system/world.js';
import type { CopyStore } from './copy-store.js';

/** Returns the place of copies that `backup.copyTo` of invctl.yaml names; undefined if it names none. */
export async function configuredStore(
  context: Pick<World, 'warn'>,
  { location, settings }: Pick<Database, 'location' | 'settings'>,
): Promise<CopyStore | undefined> {
  const { copyTo } = settings.backup;
  if (copyTo === undefined) return undefined;
  if (typeof copyTo === 'string') {
    const { FolderStore } = await import('./folder-store.js');
    return FolderStore.open(context, copyTo, { location, settings });
  }
  const { BucketStore } = await import('./bucket-store.js');
  return BucketStore.open(copyTo);
}

/** Makes NO_COPY_STORE (exit 4), for callers that need a {@link configuredStore}. */
export function noStore(): UserError {
  return new UserError({
    code: 'NO_COPY_STORE',
    message: `${SETTINGS_FILE} names no place for copies`,
    hint: `set backup.copyTo in ${SETTINGS_FILE}: a folder of another disk, or {bucket, prefix, endpoint, region}`,
    exitCode: 4,
  });
}
