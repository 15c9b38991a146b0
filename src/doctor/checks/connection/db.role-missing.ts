import { defineCheck, type Finding } from '../../check.js';
import { databaseReferences, reachableNames } from '../../roles.js';
import { serverCatalogue } from '../../server-catalogue.js';
import { databaseVariable, placeOfDatabaseVariable, placeOfVariable } from '../../variable-places.js';

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
    const catalogue = await serverCatalogue(facts);
    if (!database || !settings) return [];
    if (!catalogue) return { skip: 'no role of the project is let in over the local socket' };
    const { superuser, roles } = catalogue;
    const make = (user: string, rights: string) =>
      `invctl exec ${database.name} -- createuser -U ${superuser} ${rights}--pwprompt ${user}`;
    const findings: Finding[] = [];
    if (!roles.has(settings.user)) {
      findings.push({
        message: `the server of "${database.name}" has no role "${settings.user}": its volume was initialised with "${superuser}"`,
        next: `set ${databaseVariable(facts, 'user')} back to ${superuser}, or make the role: ${make(settings.user, '--superuser ')}`,
        service: database.name,
        ...placeOfDatabaseVariable(facts, 'user'),
      });
    }
    for (const { service, variable, host, user } of databaseReferences(facts.project, facts.databases)) {
      if (user === undefined || user === settings.user || roles.has(user)) continue;
      if (!reachableNames(database).includes(host)) continue;
      findings.push({
        message: `"${service.name}" logs in as "${user}" (${variable}), and the server of "${database.name}" has no such role`,
        next: `name a role that is there, such as ${superuser}, or make it: ${make(user, '')}`,
        service: service.name,
        ...placeOfVariable(facts, service.name, variable),
      });
    }
    return findings;
  },
});
