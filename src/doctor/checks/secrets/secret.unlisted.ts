import { basename } from 'node:path/posix';
import { variableOf } from '../../../postgres/image-variables.js';
import { addItem } from '../../../project/compose-text.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { place, placeOf } from '../../reading.js';
import { databaseReferences, reachableNames } from '../../roles.js';

interface Missing {
  service: string;
  secret: string;
  finding: Finding;
}

export const check = defineCheck({
  id: 'secret.unlisted',
  chapter: 'secrets',
  title: 'a service reads a secret that it was not given',
  severity: 'fail',
  why: 'A secret is mounted only into services that list it: /run/secrets/… is not there.',
  docs: `The top-level \`secrets:\` declares; each service has to list what it gets under its own \`secrets:\`. The check looks at variables that name a path under \`/run/secrets\`, and at the app of a scaffold, which reads the database's password from there. \`invctl exec api -- ls /run/secrets\` shows what arrived.`,
  probe: (facts) =>
    missingGrants(facts).map(({ service, secret, finding }) => ({
      ...finding,
      ...(facts.project.secrets[secret] || isDeclared(facts, secret)
        ? {
            mend: () =>
              editService(facts, service, `give ${service} the secret ${secret}`, (text, path) =>
                addItem(text, [...path, 'secrets'], secret),
              ),
          }
        : {}),
    })),
  fix: { safety: 'safe' },
});

function missingGrants(facts: Facts): Missing[] {
  const found: Missing[] = [];
  for (const service of Object.values(facts.project.services)) {
    for (const [variable, value] of Object.entries(service.environment)) {
      if (!value?.startsWith('/run/secrets/')) continue;
      if (service.secrets.some(({ target }) => target === value)) continue;
      // Another file may be mounted there.
      if (service.mounts.some(({ target }) => value === target || value.startsWith(`${target}/`))) continue;
      const secret = basename(value);
      // A path that only differs from a granted one is reported by `secret.app-path`.
      if (!isDeclared(facts, secret)) continue;
      if (service.secrets.some(({ source }) => source === secret)) continue;
      const at = facts.variables(service.name).get(variable)?.sources[0].at;
      found.push({
        service: service.name,
        secret,
        finding: {
          message: `"${service.name}" reads the secret "${secret}" (${variable}), but does not list it`,
          next: `add ${secret} to secrets of ${service.name}`,
          service: service.name,
          ...(at ? place(at) : {}),
        },
      });
    }
  }
  return [...found, ...scaffoldGrants(facts, found)];
}

/**
 * The scaffold's API has no variable for the path: it looks for the database's password in /run/secrets by
 * name.
 */
function scaffoldGrants(facts: Facts, found: readonly Missing[]): Missing[] {
  const { database, project } = facts;
  const variable = database && variableOf(database, 'password');
  const path = variable?.endsWith('_FILE') ? database?.environment[variable] : undefined;
  const grant = database?.secrets.find(({ target }) => target === path);
  if (!facts.scaffold || !database || !grant) return [];
  return databaseReferences(project, facts.databases)
    .filter(
      ({ service, host, url, variable }) =>
        !url &&
        variable === 'DATABASE_HOST' &&
        reachableNames(database).includes(host) &&
        service.build &&
        !service.environment.POSTGRESQL_PWD &&
        !service.secrets.some(({ source }) => source === grant.source) &&
        !found.some((one) => one.service === service.name && one.secret === grant.source),
    )
    .map(({ service }) => ({
      service: service.name,
      secret: grant.source,
      finding: {
        message: `"${service.name}" does not list the secret "${grant.source}", the database's password`,
        next: `add ${grant.source} to secrets of ${service.name}`,
        service: service.name,
        ...placeOf(facts.reading, 'services', service.name, 'secrets'),
      },
    }));
}

/** Includes secrets that no active service uses, which the model leaves out. */
function isDeclared(facts: Facts, secret: string): boolean {
  const section = facts.reading.loaded?.tree.entries.get('secrets');
  return section?.kind === 'map' && section.entries.has(secret);
}
