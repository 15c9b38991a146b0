import { defineCheck } from '../../check.js';
import { databaseVolume } from '../../data-folder.js';
import { place, placeOf } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';

export const check = defineCheck({
  id: 'db.uninitialised',
  chapter: 'secrets',
  title: 'the database has no password to initialise itself with',
  severity: 'fail',
  requires: ['secret.missing', 'secret.empty', 'secret.directory', 'env.missing', 'env.required'],
  why: 'The image refuses to initialise an empty volume without a password, and ends.',
  docs: `Set \`POSTGRES_PASSWORD_FILE\` to a secret (or \`POSTGRES_PASSWORD\`). Both are read once, when the volume is empty: a database that has data starts without them.`,
  async probe(facts) {
    const { database } = facts;
    if (!database || !isOfficialPostgres(database)) return [];
    const { environment } = database;
    if (environment.POSTGRES_HOST_AUTH_METHOD === 'trust') return [];
    const unset = !environment.POSTGRES_PASSWORD && !environment.POSTGRES_PASSWORD_FILE;
    if (!unset) return [];
    // A custom image, or a volume with data, needs no password.
    if ((await databaseVolume(facts))?.exists) {
      const status = (await facts.status()).find(({ name }) => name === database.name);
      if (status === undefined || status.state === 'running') return [];
    }
    const empty = facts.variables(database.name).get('POSTGRES_PASSWORD')?.sources[0];
    if (empty?.value === '' || empty?.value === null) {
      const unsetName = empty.interpolated.find(({ value }) => !value)?.name;
      return [
        {
          message: `the database has no password to initialise itself with: POSTGRES_PASSWORD of "${database.name}" is empty${unsetName ? `, since ${unsetName} has no value` : ''}`,
          next: `set ${unsetName ?? 'POSTGRES_PASSWORD'}${empty.at && !unsetName ? ` in ${facts.shown(empty.at.file)}` : ' in .env'}`,
          service: database.name,
          ...(empty.at ? place(empty.at) : {}),
        },
      ];
    }
    return [
      {
        message: `the database has no password to initialise itself with: "${database.name}" sets neither POSTGRES_PASSWORD_FILE nor POSTGRES_PASSWORD`,
        next: `set POSTGRES_PASSWORD_FILE: /run/secrets/db_password under environment of ${database.name}`,
        service: database.name,
        ...placeOf(facts.reading, 'services', database.name, 'environment'),
      },
    ];
  },
});
