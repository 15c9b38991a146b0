import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { setEnvironment } from '../../fix/compose-edit.js';
import { place, serviceKeys } from '../../reading.js';
import {
  type DatabaseReference,
  databaseReferences,
  reachableNames,
  variableThatLeads,
} from '../../roles.js';

export const check = defineCheck({
  id: 'db.port',
  chapter: 'connection',
  title: "the app uses the machine's port of the database, not the container's",
  severity: 'fail',
  requires: ['db.localhost'],
  why: 'Between containers a published port means nothing: the server listens on its own port, and the other is refused.',
  docs: `In \`"127.0.0.1:54329:5432"\` the port 54329 is for programs of the machine. A container that connects to the service \`db\` needs the last number, 5432. It comes about where one variable, such as \`DB_PORT\`, is used both under \`ports:\` of the database and by the app. Give the two different names, or set the app's variable under its \`environment\`. A port that is neither published nor the server's is a warning: something else may listen there. So is one beside another variable that has the right port: which of the two the app reads is not known.`,
  probe(facts) {
    return wrongPorts(facts).map((wrong) => {
      const { service, variable, portVariable, port, right, published, leads } = wrong;
      const name = portVariable ?? variable;
      const at = facts.variables(service.name).get(name)?.sources[0].at;
      const database = facts.database?.name;
      return {
        message: published
          ? `${name} of "${service.name}" has the port ${port}, which is the machine's: in the network "${database}" listens on ${right}`
          : `${name} of "${service.name}" has the port ${port}, but "${database}" listens on ${right}`,
        ...(published && leads === undefined ? {} : { severity: 'warn' as const }),
        ...(leads === undefined
          ? {}
          : {
              why: `"${service.name}" has ${leads} too, which has the right port; if it takes the port from ${name}, the server refuses it.`,
            }),
        next: `set the port in ${name} to ${right} under environment of ${service.name}`,
        service: service.name,
        details: { port: port as number, serverPort: right },
        ...(at ? place(at) : {}),
        ...(portVariable && wrong.certain && published && leads === undefined
          ? { mend: () => setEnvironment(facts, service.name, portVariable, String(right)) }
          : {}),
      };
    });
  },
  fix: { safety: 'safe' },
});

interface WrongPort extends DatabaseReference {
  right: number;
  /** True: the database publishes the port on the machine. */
  published: boolean;
  /** Another variable of the service that has the right port. */
  leads: string | undefined;
}

function wrongPorts(facts: Facts): WrongPort[] {
  const { database, databases, project } = facts;
  const right = facts.databaseSettings()?.port;
  if (!database || right === undefined || database.networkMode) return [];
  const references = databaseReferences(project, databases);
  return references.flatMap((reference) => {
    const { service, host, port } = reference;
    if (port === undefined || port === right || service.networkMode) return [];
    if (!reachableNames(database).includes(host) || isElsewhere(facts, service.name, host)) return [];
    const published = database.ports.some(
      (one) => one.published === port && one.target === right && one.protocol === 'tcp',
    );
    return [
      { ...reference, right, published, leads: variableThatLeads(reference, references, database, right) },
    ];
  });
}

/** `extra_hosts` may map the name to another address. */
function isElsewhere(facts: Facts, service: string, host: string): boolean {
  const hosts = serviceKeys(facts.reading, service).extra_hosts ?? [];
  return JSON.stringify(hosts).includes(`"${host}`);
}
