import { defineCheck } from '../../check.js';
import { placeOf } from '../../reading.js';
import { isOfficialPostgres, postgresMajor } from '../../roles.js';

const OLD_PATH = '/var/lib/postgresql/data';
const NEW_PATH = '/var/lib/postgresql';

export const check = defineCheck({
  id: 'db.pg18-path',
  chapter: 'volumes',
  title: 'the volume is mounted where this major does not keep its data',
  severity: 'fail',
  requires: ['db.major'],
  why: 'The data goes into an anonymous volume, which the next new container does not find again, or the image refuses to start.',
  docs: `Up to 17 the image keeps its data in \`/var/lib/postgresql/data\`, from 18 on in \`/var/lib/postgresql/18/docker\`, and wants the volume at \`/var/lib/postgresql\`. \`PGDATA\` overrides both.`,
  probe(facts) {
    const { database } = facts;
    const major = database && postgresMajor(database);
    if (!database || major === undefined || !isOfficialPostgres(database)) return [];
    // Somebody who sets PGDATA knows where it is.
    if (database.environment.PGDATA) return [];
    const index = database.mounts.findIndex(({ target }) => target === OLD_PATH || target === NEW_PATH);
    const mount = database.mounts[index];
    const wanted = major >= 18 ? NEW_PATH : OLD_PATH;
    if (!mount || mount.target === wanted) return [];
    return [
      {
        message: `PostgreSQL ${major} keeps its data in ${wanted}${major >= 18 ? `/${major}/docker` : ''}, but the volume of "${database.name}" is at ${mount.target}`,
        next: `mount it at ${wanted}`,
        service: database.name,
        ...placeOf(facts.reading, 'services', database.name, 'volumes'),
      },
    ];
  },
});
