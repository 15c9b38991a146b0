import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { addItem, setKey } from '../../../project/compose-text.js';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck } from '../../check.js';
import { envFiles, exampleBeside, readValues } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'env.unlisted',
  chapter: 'environment',
  title: 'an env file is there, but the service does not list it',
  severity: 'warn',
  requires: ['env.syntax'],
  why: 'A .env file is never copied into a container by itself: only `env_file` and `environment` put values there.',
  docs: `A \`.env\` beside the compose file fills in \`\${…}\` in that file, and nothing else. For its values to reach a container, list it: \`env_file: ./stack/.env\`. \`invctl env list\` shows what a service gets, and from where.`,
  probe(facts) {
    return unlisted(facts).map(({ service, file, names }) => ({
      message: `"${service.name}" does not list ${facts.shown(file)}, so it gets none of ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`,
      ...(facts.scaffold ? { severity: 'fail' as const } : {}),
      next: `add env_file: ${written(facts, file)} to ${service.name}`,
      service: service.name,
      ...placeOf(facts.reading, 'services', service.name),
      mend: () =>
        editService(
          facts,
          service.name,
          `list ${facts.shown(file)} under env_file of ${service.name}`,
          (text, path) =>
            serviceKeys(facts.reading, service.name).env_file
              ? addItem(text, [...path, 'env_file'], written(facts, file))
              : setKey(text, path, 'env_file', written(facts, file)),
        ),
    }));
  },
  fix: { safety: 'safe' },
});

interface Unlisted {
  service: ComposeService;
  file: string;
  /** Names that the service gets in no other way. */
  names: string[];
}

/**
 * A service that is built from a folder with a `.env` and its example, but gets none of the values that the
 * example lists. A `.env` without an example may be meant for work without containers.
 */
function unlisted(facts: Facts): Unlisted[] {
  const listed = new Set(
    envFiles(facts)
      .filter(({ services }) => services.length > 0)
      .map(({ file }) => file),
  );
  return Object.values(facts.project.services).flatMap((service): Unlisted[] => {
    const context = service.build?.context;
    if (!context || !isAbsolute(context)) return [];
    const file = join(context, '.env');
    const example = exampleBeside(facts, file);
    if (listed.has(file) || !example || !existsSync(file)) return [];
    const wanted = [...(readValues(file)?.keys() ?? [])];
    const names = wanted.filter((name) => !(name in service.environment));
    // When some of the names are set in another way, somebody chose what the container gets.
    return names.length > 0 && (facts.scaffold || names.length === wanted.length)
      ? [{ service, file, names }]
      : [];
  });
}

function written({ location }: Facts, file: string): string {
  return `./${relative(location.directory, file)}`;
}
