import { defineCheck } from '../../check.js';
import { setEnvironment } from '../../fix/compose-edit.js';
import { place } from '../../reading.js';
import { databaseReferences } from '../../roles.js';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|0\.0\.0\.0)$/i;

export const check = defineCheck({
  id: 'db.localhost',
  chapter: 'connection',
  title: 'the app looks for the database on localhost',
  severity: 'fail',
  why: 'In a container localhost is the container itself, where no database listens: connection refused.',
  docs: `The host is right for a program that runs on the machine itself, and wrong in a container. There the database's host is its service name, such as \`db\`. Often the value comes from an \`.env\` for local work: override it under \`environment\` of the service. \`invctl env explain DATABASE_HOST\` shows which source won. Services with host networking, or in the database's own network namespace, are left alone.`,
  probe(facts) {
    const { database, project } = facts;
    if (!database || database.networkMode === 'host') return [];
    return databaseReferences(project, facts.databases)
      .filter(
        ({ service, host }) =>
          LOOPBACK.test(host) &&
          // `host`, `service:…` and `container:…` share a network with somebody who may listen there.
          (service.networkMode === undefined || service.networkMode === 'bridge'),
      )
      .map(({ service, variable, host }) => {
        const source = facts.variables(service.name).get(variable)?.sources[0].at;
        return {
          message: `${variable} of "${service.name}" is ${host}, but the database is the service "${database.name}"`,
          next: `set the host in ${variable} to ${database.name} under environment of ${service.name}`,
          service: service.name,
          ...(source ? place(source) : {}),
        };
      });
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const { database, project } = facts;
      const references = databaseReferences(project, facts.databases).filter(
        // A URL carries a password, which must not move into the compose file.
        ({ host, url, service }) => LOOPBACK.test(host) && !url && service.networkMode === undefined,
      );
      const steps = references.map(({ service, variable }) =>
        setEnvironment(facts, service.name, variable, database?.name ?? ''),
      );
      return (await Promise.all(steps)).flat();
    },
  },
});
