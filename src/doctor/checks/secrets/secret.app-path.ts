import type { ComposeService } from '../../../project/model.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { setEnvironment } from '../../fix/compose-edit.js';
import { place } from '../../reading.js';

export const check = defineCheck({
  id: 'secret.app-path',
  chapter: 'secrets',
  title: 'a service looks for its secret in another place',
  severity: 'fail',
  requires: ['secret.unlisted'],
  why: 'The secret is mounted, but not where the program reads it: to the program there is none.',
  docs: `A secret appears at \`/run/secrets/NAME\`, or at its \`target:\`. A \`…_FILE\` variable, or \`SECRETS_DIR\` of the scaffold's API, has to name that place. \`invctl exec api -- ls -l /run/secrets\` shows what is mounted.`,
  probe(facts) {
    return wrongPaths(facts).map(({ service, variable, value, right }) => {
      const at = facts.variables(service.name).get(variable)?.sources[0].at;
      return {
        message: `${variable} of "${service.name}" is ${value}, where nothing is mounted`,
        next: right
          ? `set ${variable}: ${right}`
          : `name one of: ${service.secrets.map(({ target }) => target).join(', ')}`,
        service: service.name,
        ...(at ? place(at) : {}),
        ...(right === undefined ? {} : { mend: () => setEnvironment(facts, service.name, variable, right) }),
      };
    });
  },
  fix: { safety: 'safe' },
});

interface WrongPath {
  service: ComposeService;
  variable: string;
  value: string;
  /** The intended path, when only one is possible. */
  right?: string;
}

function wrongPaths(facts: Facts): WrongPath[] {
  return Object.values(facts.project.services).flatMap((service) =>
    service.secrets.length === 0
      ? []
      : Object.entries(service.environment).flatMap(([variable, value]): WrongPath[] => {
          if (!value) return [];
          const mounted = [
            ...service.secrets.map(({ target }) => target),
            ...service.mounts.map(({ target }) => target),
          ];
          if (mounted.some((target) => value === target || value.startsWith(`${target}/`))) return [];
          if (variable === 'SECRETS_DIR') {
            const folders = new Set(service.secrets.map(({ target }) => target.replace(/\/[^/]*$/, '')));
            const [folder] = folders;
            return folders.has(value.replace(/\/$/, ''))
              ? []
              : [{ service, variable, value, ...(folders.size === 1 && folder ? { right: folder } : {}) }];
          }
          // Only paths in /run/secrets: elsewhere the image may have its own file.
          if (!/_FILE$/.test(variable) || !value.startsWith('/run/secrets/')) return [];
          const name = value.slice('/run/secrets/'.length);
          const declared = facts.reading.loaded?.tree.entries.get('secrets');
          const isDeclared = declared?.kind === 'map' && declared.entries.has(name);
          const granted = service.secrets.find(({ source }) => source === name);
          if (isDeclared && !granted) return [];
          const right =
            granted?.target ?? (service.secrets.length === 1 ? service.secrets[0]?.target : undefined);
          return [{ service, variable, value, ...(right ? { right } : {}) }];
        }),
  );
}
