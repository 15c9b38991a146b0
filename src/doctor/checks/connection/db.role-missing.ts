import { variableOf } from '../../../postgres/image-variables.js';
import { shellWord } from '../../../system/argv.js';
import { defineCheck, type Finding } from '../../check.js';
import { databaseReferences, reachableNames } from '../../roles.js';
import { serverCatalogue } from '../../server-catalogue.js';
import { placeOfDatabaseVariable, placeOfVariable } from '../../variable-places.js';

export const check = defineCheck({
  id: 'db.role-missing',
  chapter: 'connection',
  title: 'the server has no role of that name',
  severity: 'fail',
  needs: ['config', 'database'],
  why: 'The server says "password authentication failed" for a role that is not there, whatever the password is.',
  docs: `PostgreSQL reads \`POSTGRES_USER\` once, when the volume is new. A later change makes no role, and nobody can log in under the new name: put the old name back, or make the role. \`invctl exec db -- psql -U OLD_NAME -d postgres -c '\\du'\` lists the roles. The data is safe.`,
  async probe(facts) {
    const { database } = facts;
    const settings = facts.databaseSettings();
    if (!database || !settings) return [];
    const { superuser, hasRole } = await serverCatalogue(facts);
    const make = (user: string, rights: string) =>
      superuser === undefined
        ? ''
        : `, or make the role: invctl exec ${database.name} -- createuser -U ${shellWord(superuser)} ${rights}--pwprompt ${shellWord(user)}`;
    const findings: Finding[] = [];
    const known = settings.unreadable.length === 0;
    if (known && hasRole(settings.user) === false) {
      findings.push({
        message: `the server of "${database.name}" has no role "${settings.user}": its volume was initialised with ${superuser === undefined ? 'another name' : `"${superuser}"`}`,
        next: `set ${variableOf(database, 'user')} back to ${superuser ?? 'the name that the volume was initialised with'}${make(settings.user, '--superuser ')}`,
        service: database.name,
        ...placeOfDatabaseVariable(facts, 'user'),
      });
    }
    for (const { service, variable, host, user } of databaseReferences(facts.project, facts.databases)) {
      if (user === undefined || user === settings.user || hasRole(user) !== false) continue;
      if (!reachableNames(database).includes(host)) continue;
      findings.push({
        message: `"${service.name}" logs in as "${user}" (${variable}), and the server of "${database.name}" does not have this role`,
        next: `name a role that is there${superuser === undefined ? '' : `, such as ${superuser}`}${make(user, '')}`,
        service: service.name,
        ...placeOfVariable(facts, service.name, variable),
      });
    }
    return findings;
  },
});
