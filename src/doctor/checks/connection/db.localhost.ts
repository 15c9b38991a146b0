import type { VariableSource } from '../../../project/environment.js';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { setEnvironment } from '../../fix/compose-edit.js';
import { place } from '../../reading.js';
import {
  type DatabaseReference,
  databaseReferences,
  reachableNames,
  variableThatLeads,
} from '../../roles.js';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|0\.0\.0\.0)$/i;

export const check = defineCheck({
  id: 'db.localhost',
  chapter: 'connection',
  title: 'the app looks for the database on localhost',
  severity: 'fail',
  why: 'In a container localhost is the container itself, where no database listens: connection refused.',
  docs: `The host is right for a program that runs on the machine itself, and wrong in a container. There the database's host is its service name, such as \`db\`. Often the value comes from an \`.env\` for local work: override it under \`environment\` of the service. \`invctl env explain DATABASE_HOST\` shows which source won. Services with host networking, or in the database's own network namespace, are left alone. It is a failure, and \`--fix\` changes it, where the variable is one that drivers or known images read (\`PGHOST\`, \`DB_HOST\`, \`POSTGRES_HOST\`, …) or the value is a connection URL; a variable whose name only sounds so is a warning at most. Where the value comes from an env file, other services override it, and this one does not depend on the database, it may have no use for it: that is a warning as well. So is one beside another variable that does lead to the database: which of the two the service reads is not known.`,
  probe(facts) {
    const { database } = facts;
    return lost(facts).map(({ service, variable, host, port, url, source, doubt }) => ({
      message: `${variable} of "${service.name}" is ${host}, but the database is the service "${database?.name}"`,
      ...(doubt === undefined ? {} : { severity: 'warn' as const, why: doubt }),
      next: `set the host in ${variable} to ${database?.name} under environment of ${service.name}`,
      service: service.name,
      ...(source?.at ? place(source.at) : {}),
      // A URL may contain a password, which must not be copied into the compose file.
      ...(url || doubt !== undefined
        ? {}
        : {
            mend: () =>
              setEnvironment(
                facts,
                service.name,
                variable,
                hostAsWritten(service, variable, port, database?.name ?? ''),
              ),
          }),
    }));
  },
  fix: { safety: 'safe' },
});

interface LostReference extends DatabaseReference {
  source: VariableSource | undefined;
  /** Why the service may not use the variable; undefined when it is known to use it. */
  doubt: string | undefined;
}

function lost(facts: Facts): LostReference[] {
  const { database, databases, project } = facts;
  if (!database || database.networkMode === 'host') return [];
  const references = databaseReferences(project, databases);
  return references
    .filter(
      ({ service, host }) =>
        LOOPBACK.test(host) &&
        // `host`, `service:…` and `container:…` share a network in which a server may listen on that address.
        (service.networkMode === undefined || service.networkMode === 'bridge'),
    )
    .flatMap((reference) => {
      const { service, variable, certain, url, host } = reference;
      const source = facts.variables(service.name).get(variable)?.sources[0];
      const waits = database.name in service.dependsOn;
      if (!certain) {
        // 0.0.0.0 is an address to listen on, not one to connect to.
        if (!url && (!waits || host === '0.0.0.0')) return [];
        return [
          {
            ...reference,
            source,
            doubt: `If "${service.name}" takes its database from there, it looks in the wrong place.`,
          },
        ];
      }
      const overridden = references.some(
        (other) => other.variable === variable && reachableNames(database).includes(other.host),
      );
      const byTheWay = overridden && source?.kind === 'env_file' && !waits;
      const leads = variableThatLeads(reference, references, database);
      const doubt = leads
        ? `"${service.name}" has ${leads} too, which leads to "${database.name}"; if it takes the host from ${variable}, it looks in the wrong place.`
        : byTheWay
          ? `It comes with an env file whose ${variable} other services override; if this one uses the database, it looks in the wrong place.`
          : undefined;
      return [{ ...reference, source, doubt }];
    });
}

/** `localhost:5432` becomes `db:5432`: some programs take host and port from one variable. */
function hostAsWritten(
  { environment }: ComposeService,
  variable: string,
  port: number | undefined,
  host: string,
): string {
  return port !== undefined && /:\d+$/.test(environment[variable] ?? '') ? `${host}:${port}` : host;
}
