import { variableOf } from '../../../postgres/image-variables.js';
import { writeVerifier } from '../../../postgres/role-password.js';
import { scramVerifier } from '../../../system/scram.js';
import { Secret } from '../../../system/secret.js';
import { defineCheck, type Finding, type FixStep } from '../../check.js';
import type { Facts } from '../../facts.js';
import { databaseReferences, reachableNames } from '../../roles.js';
import { serverCatalogue } from '../../server-catalogue.js';
import { placeOfDatabaseVariable, placeOfVariable } from '../../variable-places.js';

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
    const { hasRole, superuser } = await serverCatalogue(facts);
    for (const { user, password, where, next, nextByHand, service } of candidates(facts)) {
      // The server gives the same answer for a missing role, which `db.role-missing` reports.
      if (hasRole(user) === false) continue;
      if ((await facts.login(user, password)) !== false) continue;
      findings.push({
        message: `the database refuses the password of "${user}" from ${where.text}`,
        next,
        service,
        ...where.place,
        ...(nextByHand === undefined
          ? {}
          : { nextByHand, mend: async () => alterRole(facts, superuser, user, password) }),
      });
    }
    return findings;
  },
  fix: { safety: 'ask' },
});

/** @param superuser undefined: none is let in over the socket. */
function alterRole(facts: Facts, superuser: string | undefined, user: string, password: string): FixStep[] {
  if (superuser === undefined) return [];
  return [
    {
      summary: `ALTER ROLE "${user}" to the password of the project, over the database's local socket`,
      // Sends a verifier instead of the password, because the statement may be written to the server's log.
      async apply() {
        const session = await facts.session(superuser);
        const verifier = scramVerifier(new Secret(password));
        await writeVerifier(session, user, verifier).finally(() => session.close());
      },
    },
  ];
}

interface Candidate {
  user: string;
  password: string;
  where: { text: string; place: { file?: string; line?: number } };
  next: string;
  /** Only of the password that the role is set to. */
  nextByHand?: string;
  service: string;
}

/** The password of the database, and those in the URLs of other services. */
function candidates(facts: Facts): Candidate[] {
  const { database } = facts;
  const settings = facts.databaseSettings();
  if (!database || !settings) return [];
  const found: Candidate[] = [];
  // When the user's name cannot be read here, `postgres` is not assumed.
  const known = settings.unreadable.length === 0;
  const { user, password } = settings;
  if (password && known) {
    const variable = variableOf(database, 'password');
    const place = placeOfDatabaseVariable(facts, 'password');
    found.push({
      user,
      password,
      where: {
        text:
          variable.endsWith('_FILE') && place.file !== undefined
            ? facts.shown(place.file)
            : `${variable} of "${database.name}"`,
        place,
      },
      next: 'invctl doctor --fix --yes      (ALTER ROLE over the local socket; the data stays)',
      nextByHand: `put the old password back, or, as a superuser of the server: ALTER ROLE "${user}" PASSWORD '…'`,
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
        place: placeOfVariable(facts, reference.service.name, reference.variable),
      },
      next: `give ${reference.variable} the password of the database, or change the role's`,
      service: reference.service.name,
    });
  }
  return found;
}
