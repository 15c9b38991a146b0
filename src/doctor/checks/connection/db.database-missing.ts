import { variableOf } from '../../../postgres/image-variables.js';
import { shellWord } from '../../../system/argv.js';
import { defineCheck, type Finding } from '../../check.js';
import { type DatabaseReference, databaseReferences, reachableNames } from '../../roles.js';
import { serverCatalogue } from '../../server-catalogue.js';
import { placeOfDatabaseVariable, placeOfVariable } from '../../variable-places.js';

/** Databases that every server has. */
const ALWAYS = ['postgres', 'template0', 'template1'];

export const check = defineCheck({
  id: 'db.database-missing',
  chapter: 'connection',
  title: 'the server has no database of that name',
  severity: 'fail',
  needs: ['config', 'database'],
  requires: ['db.role-missing'],
  why: 'A connection to it is refused: `database "…" does not exist`. The data lies in the database of the old name.',
  docs: `PostgreSQL reads \`POSTGRES_DB\` once, when the volume is new. A later change makes no database: put the old name back, or make a new, empty one. One that was dropped comes back: \`invctl db history TABLE\` tells how where \`db protect\` is on, and \`invctl db restore FILE\` makes it from a backup. \`invctl exec db -- psql -U USER -d postgres -l\` lists what is there. An app may make its database itself, so that one which only an app names is a warning.`,
  async probe(facts) {
    const { database } = facts;
    const settings = facts.databaseSettings();
    if (!database || !settings || settings.unreadable.length > 0) return [];
    const { superuser, databases, hasRole } = await serverCatalogue(facts);
    if (!databases) return { skip: 'no role of the project is let in over the local socket' };
    const make = (name: string, owner: string | undefined) =>
      `invctl exec ${database.name} -- createdb -U ${shellWord(superuser ?? settings.superuser)}${owner && hasRole(owner) ? ` -O ${shellWord(owner)}` : ''} ${shellWord(name)}`;
    const others = [...databases].filter((name) => !ALWAYS.includes(name)).sort();
    const there = others.length > 0 ? `it has ${others.join(', ')}` : 'it has only its own';
    const apps = databaseReferences(facts.project, facts.databases).filter(
      (app): app is DatabaseReference & { database: string } =>
        app.database !== undefined && reachableNames(database).includes(app.host),
    );
    const findings: Finding[] = [];
    if (!databases.has(settings.database)) {
      // No service uses it, and the databases that the services use exist.
      const unused = apps.length > 0 && apps.every((app) => databases.has(app.database));
      findings.push({
        ...(unused ? { severity: 'warn' as const } : {}),
        message: `the server of "${database.name}" has no database "${settings.database}": ${there}`,
        next: `set ${variableOf(database, 'database')} back to the old name; bring it back where it was dropped: invctl db restore; or make an empty one: ${make(settings.database, settings.user)}`,
        service: database.name,
        ...placeOfDatabaseVariable(facts, 'database'),
      });
    }
    for (const app of apps) {
      if (app.database === settings.database || databases.has(app.database)) continue;
      findings.push({
        severity: 'warn',
        message: `"${app.service.name}" looks for the database "${app.database}" (${app.variable}), which the server of "${database.name}" has not: ${there}`,
        next: `name one that is there, or make it: ${make(app.database, app.user)}`,
        service: app.service.name,
        ...placeOfVariable(facts, app.service.name, app.variable),
      });
    }
    return findings;
  },
});
