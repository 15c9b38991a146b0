import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { place } from '../../reading.js';
import { databaseReferences, reachableNames } from '../../roles.js';
import { scramVerifier } from '../../scram.js';

export const check = defineCheck({
  id: 'db.password-drift',
  chapter: 'connection',
  title: 'the volume was initialised with another password',
  severity: 'fail',
  needs: ['config', 'database'],
  requires: ['secret.missing', 'secret.directory', 'secret.empty', 'db.both-set'],
  why: 'PostgreSQL reads its password once, when the volume is new. A later change of the file locks the app out.',
  docs: `\`password authentication failed for user\`: the file, or \`POSTGRES_PASSWORD\`, was changed after the volume was initialised. The check logs in with the project's password, over the network as the app does. The data is safe, and wiping the volume is never the answer: bring the server to the file with \`ALTER ROLE\` over its local socket, which asks for no password. \`invctl doctor --fix --yes\` does that.`,
  async probe(facts) {
    const findings: Finding[] = [];
    for (const { user, password, where, next, service } of await candidates(facts)) {
      const login = await facts.login(user, password);
      if (!login || login.ok) continue;
      findings.push({
        message: `the database refuses the password of "${user}" from ${where.text}`,
        next,
        service,
        ...where.place,
      });
    }
    return findings;
  },
  fix: {
    safety: 'ask',
    async plan(facts) {
      const password = facts.databasePassword();
      const user = userOf(facts);
      if (!password || (await facts.login(user, password))?.ok !== false) return [];
      return [
        {
          summary: `ALTER ROLE "${user}" to the password of the project, over the database's local socket`,
          // A verifier in place of the password: the statement may end up in the server's log.
          apply: () =>
            facts.administer(`ALTER ROLE ${quoted(user)} PASSWORD '${scramVerifier(password)}';\n`),
        },
      ];
    },
  },
});

interface Candidate {
  user: string;
  password: string;
  where: { text: string; place: { file?: string; line?: number } };
  next: string;
  service: string;
}

/** The password of the database, and those that other services have in a URL. */
async function candidates(facts: Facts): Promise<Candidate[]> {
  const { database } = facts;
  if (!database) return [];
  const found: Candidate[] = [];
  const password = facts.databasePassword();
  if (password) {
    const file = passwordFile(facts);
    found.push({
      user: userOf(facts),
      password,
      where: file
        ? { text: facts.shown(file), place: { file } }
        : {
            text: `POSTGRES_PASSWORD of "${database.name}"`,
            place: variablePlace(facts, database.name, 'POSTGRES_PASSWORD'),
          },
      next: 'invctl doctor --fix --yes      (ALTER ROLE over the local socket; the data stays)',
      service: database.name,
    });
  }
  for (const reference of databaseReferences(facts.project, facts.databases)) {
    if (!reference.password || !reachableNames(database).includes(reference.host)) continue;
    if (reference.password === password) continue;
    found.push({
      user: reference.user ?? 'postgres',
      password: reference.password,
      where: {
        text: `${reference.variable} of "${reference.service.name}"`,
        place: variablePlace(facts, reference.service.name, reference.variable),
      },
      next: `give ${reference.variable} the password of the database, or change the role's`,
      service: reference.service.name,
    });
  }
  return found;
}

function userOf({ database }: Facts): string {
  return database?.environment.POSTGRES_USER || 'postgres';
}

function passwordFile({ database, project }: Facts): string | undefined {
  const path = database?.environment.POSTGRES_PASSWORD_FILE;
  const grant = database?.secrets.find(({ target }) => target === path);
  return grant && project.secrets[grant.source]?.file;
}

function variablePlace(facts: Facts, service: string, name: string): { file?: string; line?: number } {
  const at = facts.variables(service).get(name)?.sources[0].at;
  return at ? place(at) : {};
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
