import type { ComposeMount, ComposeService } from '../../../project/model.js';
import { mountOver } from '../../../project/mounted-file.js';
import { defineCheck, type Finding } from '../../check.js';
import { dataFolder, imageMajor, NEW_PATH, OLD_PATH } from '../../data-folder.js';
import type { Facts } from '../../facts.js';
import { placeOfItem } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';

export const check = defineCheck({
  id: 'db.pg18-path',
  chapter: 'volumes',
  title: 'the volume is mounted where this image does not keep its data',
  severity: 'fail',
  requires: ['db.major', 'vol.path'],
  why: 'The data goes into an anonymous volume, which the next new container does not find again, or the image refuses to start.',
  docs: `Up to 17 the official image keeps its data in \`/var/lib/postgresql/data\`, from 18 on in \`/var/lib/postgresql/18/docker\`, and wants the volume at \`/var/lib/postgresql\`; Bitnami's in \`/bitnami/postgresql\`. \`PGDATA\` overrides them. A volume at another path, such as \`/var/lib/postgres/data\`, stays empty. Before the mount is moved, the data has to come along: \`invctl db backup\`, move the mount, \`invctl up\`, \`invctl db restore FILE\`. A volume whose name and path do not sound like data is left alone.`,
  async probe(facts) {
    const { database } = facts;
    if (!database) return [];
    const [folder, major] = await Promise.all([dataFolder(facts, database), imageMajor(facts, database)]);
    const wanted = folder === undefined ? undefined : mountPointOf(folder);
    // When the data folder is not known, the official image's paths of every version are accepted.
    const isCovered = (one: string) => mountOver(database, one) !== undefined;
    const covered =
      folder === undefined
        ? [OLD_PATH, NEW_PATH].some(isCovered)
        : holds(mountOver(database, folder), folder, major);
    if (covered) return folder === undefined ? [] : unusedAtOldPath(facts, database, folder);
    if (folder === undefined && !isOfficialPostgres(database)) return [];
    const lost = database.mounts.filter((mount) => isMeantForData(mount));
    return lost.slice(0, 1).map((mount) => ({
      message: `${who(major, folder)} keeps its data in ${folder ?? `${OLD_PATH} or below ${NEW_PATH}`}, but the volume of "${database.name}" is at ${mount.target}`,
      next: `mount it at ${wanted ?? OLD_PATH}      (if there is data already, first: invctl db backup)`,
      service: database.name,
      ...placeOfItem(facts.reading, database.name, 'volumes', 'target', mount.target),
    }));
  },
});

function who(major: number | undefined, folder: string | undefined): string {
  return major === undefined || folder === undefined ? 'the image' : `PostgreSQL ${major}`;
}

/** Up to 17 the image declares a volume at the data folder itself, which hides a mount above it. */
function holds(mount: ComposeMount | undefined, folder: string, major = 0): boolean {
  if (mount === undefined) return false;
  const below = (path: string) => path === OLD_PATH || path.startsWith(`${OLD_PATH}/`);
  return major >= 18 || !below(folder) || below(mount.target);
}

/** `/var/lib/postgresql/18/docker` → `/var/lib/postgresql`: one volume for this major and the next. */
function mountPointOf(folder: string): string {
  return /^\/var\/lib\/postgresql\/\d+\/docker$/.test(folder)
    ? NEW_PATH
    : folder === '/bitnami/postgresql/data'
      ? '/bitnami/postgresql'
      : folder;
}

/** Paths that servers also mount and that hold no data. */
const NO_DATA =
  /^\/(etc|run|tmp|dev|var\/run|var\/log|docker-entrypoint-initdb\.d|usr)(\/|$)|backup|dump|\.\w+$/i;

function isMeantForData({ type, source = '', target }: ComposeMount): boolean {
  if (
    (type !== 'volume' && type !== 'bind') ||
    NO_DATA.test(target) ||
    /backup|dump|log|init|cert/i.test(source)
  ) {
    return false;
  }
  return (
    /postgres|pgsql|pgdata|pg[_-]?data/i.test(target) ||
    (type === 'volume' && /data|pg|postgres|^db/i.test(source))
  );
}

/** From 18 on the image refuses to initialise its data when something is also mounted at the old path. */
async function unusedAtOldPath(facts: Facts, database: ComposeService, folder: string): Promise<Finding[]> {
  const unused = database.mounts.some(({ target }) => target === OLD_PATH);
  if (!unused || database.environment.PGDATA || !/^\/var\/lib\/postgresql\/\d+\/docker$/.test(folder))
    return [];
  if (await facts.runningDatabase()) return [];
  return [
    {
      message: `PostgreSQL ${await imageMajor(facts, database)} keeps its data in ${folder}, and refuses to start with a second mount at ${OLD_PATH}`,
      next: `remove the mount at ${OLD_PATH}      (if it holds the data, set the image back and see invctl db upgrade)`,
      service: database.name,
      ...placeOfItem(facts.reading, database.name, 'volumes', 'target', OLD_PATH),
    },
  ];
}
