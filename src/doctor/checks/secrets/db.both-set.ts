import { variablesSetTwice } from '../../../postgres/image-variables.js';
import { removeKey } from '../../../project/compose-text.js';
import { defineCheck } from '../../check.js';
import { editService } from '../../fix/compose-edit.js';
import { place } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';

export const check = defineCheck({
  id: 'db.both-set',
  chapter: 'secrets',
  title: 'a variable and its _FILE variant are both set',
  severity: 'fail',
  why: 'The image takes one or the other; with both it ends at once.',
  docs: `\`POSTGRES_PASSWORD\` and \`POSTGRES_PASSWORD_FILE\` exclude each other. Keep the file. Often one of them comes from an env_file: \`invctl env explain POSTGRES_PASSWORD\`.`,
  probe(facts) {
    const { database } = facts;
    if (!database || !isOfficialPostgres(database)) return [];
    return variablesSetTwice(database).map((name) => {
      const at = facts.variables(database.name).get(name)?.sources[0].at;
      return {
        message: `${name} and ${name}_FILE of "${database.name}" are both set`,
        next: `remove ${name}, keep ${name}_FILE`,
        service: database.name,
        ...(at ? place(at) : {}),
        mend: () =>
          editService(
            facts,
            database.name,
            `remove ${name} from environment of ${database.name}`,
            (text, path) => removeKey(text, [...path, 'environment', name]),
          ),
      };
    });
  },
  // The removed line may contain the only copy of a password.
  fix: { safety: 'ask' },
});
