import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { addItem } from '../../fix/compose-text.js';
import { placeOf } from '../../reading.js';
import { databaseReferences, reachableNames } from '../../roles.js';

export const check = defineCheck({
  id: 'db.network',
  chapter: 'connection',
  title: 'app and database share no network',
  severity: 'fail',
  why: 'Containers find each other by name, and reach each other, only within a network they share.',
  docs: `A service with \`networks:\` is in those alone, no longer in the default one. \`invctl network ls\` shows who is attached where. Give the app and the database one in common.`,
  async probe(facts) {
    const { database } = facts;
    if (!database || database.networkMode) return [];
    const findings: Finding[] = [];
    for (const app of apps(facts)) {
      if (app.networks.some((network) => database.networks.includes(network))) {
        const detached = await detachedAtRunTime(facts, app, database);
        if (detached) findings.push(detached);
        continue;
      }
      findings.push({
        message: `"${app.name}" (${app.networks.join(', ')}) and "${database.name}" (${database.networks.join(', ')}) share no network`,
        next: `add ${database.networks[0]} to networks of ${app.name}`,
        service: app.name,
        ...placeOf(facts.reading, 'services', app.name, 'networks'),
      });
    }
    return findings;
  },
  fix: {
    safety: 'ask',
    async plan(facts, findings) {
      const network = facts.database?.networks[0];
      if (network === undefined) return [];
      const steps = findings
        .filter(({ file }) => file !== undefined)
        .map(({ service = '' }) =>
          editService(facts, service, `add ${network} to networks of ${service}`, (text, path) =>
            addItem(text, [...path, 'networks'], network),
          ),
        );
      return (await Promise.all(steps)).flat();
    },
  },
});

/** Services that name the database as their host. */
function apps({ project, databases, database }: Facts): ComposeService[] {
  const names = database ? reachableNames(database) : [];
  const referring = databaseReferences(project, databases)
    .filter(({ host, service }) => names.includes(host) && !service.networkMode)
    .map(({ service }) => service);
  return [...new Set(referring)];
}

/** Somebody may have taken a running container out of the network that the file gives it. */
async function detachedAtRunTime(
  facts: Facts,
  app: ComposeService,
  database: ComposeService,
): Promise<Finding | undefined> {
  if ((await facts.engine()).kind !== 'docker') return undefined;
  const [[client], [server]] = await Promise.all([
    facts.containersOf(app.name),
    facts.containersOf(database.name),
  ]);
  if (client?.State.Status !== 'running' || server?.State.Status !== 'running') return undefined;
  const attached = Object.keys(server.NetworkSettings.Networks ?? {});
  if (Object.keys(client.NetworkSettings.Networks ?? {}).some((network) => attached.includes(network))) {
    return undefined;
  }
  return {
    message: `the containers of "${app.name}" and "${database.name}" share no network, though the file says they do`,
    next: `docker compose up -d --force-recreate ${app.name} ${database.name}`,
    service: app.name,
  };
}
