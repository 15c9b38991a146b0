import { addItem } from '../../../project/compose-text.js';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { placeOf } from '../../reading.js';
import { databaseReferences, reachableNames } from '../../roles.js';
import { placeOfVariable } from '../../variable-places.js';

export const check = defineCheck({
  id: 'db.network',
  chapter: 'connection',
  title: 'the app cannot reach the database: no network in common, or a URL that names another host',
  severity: 'fail',
  why: 'Containers find each other by name, and reach each other, only within a network they share.',
  docs: `A password in a URL that holds \`@\`, \`/\`, \`?\`, \`#\`, \`:\` or \`%\` has to be percent-encoded (\`@\` is \`%40\`): else a part of it is taken for the host, the path or a comment, and the app looks for a host that is not there. Drivers differ in what they forgive, so that it is a warning while the app runs or is stopped, and a failure where it fails.

A service with \`networks:\` is in those alone, no longer in the default one. \`invctl network ls\` shows who is attached where. Give the app and the database one in common.`,
  async probe(facts) {
    const { database } = facts;
    if (!database || database.networkMode) return [];
    const [network] = database.networks;
    const findings: Finding[] = await brokenUrls(facts);
    for (const app of apps(facts)) {
      if (app.networks.some((network) => database.networks.includes(network))) {
        const detached = await detachedAtRunTime(facts, app, database);
        if (detached) findings.push(detached);
        continue;
      }
      findings.push({
        message: `"${app.name}" (${app.networks.join(', ')}) and "${database.name}" (${database.networks.join(', ')}) share no network`,
        next: `add ${network} to networks of ${app.name}`,
        service: app.name,
        ...placeOf(facts.reading, 'services', app.name, 'networks'),
        mend: async () =>
          network === undefined
            ? []
            : editService(facts, app.name, `add ${network} to networks of ${app.name}`, (text, path) =>
                addItem(text, [...path, 'networks'], network),
              ),
      });
    }
    return findings;
  },
  fix: { safety: 'ask' },
});

/** Services that use the database's name as host. */
function apps({ project, databases, database }: Facts): ComposeService[] {
  const names = database ? reachableNames(database) : [];
  const referring = databaseReferences(project, databases)
    .filter(({ host, service }) => names.includes(host) && !service.networkMode)
    .map(({ service }) => service);
  return [...new Set(referring)];
}

/** URLs whose password is not encoded, so that a part of it is read as the host, the path or a fragment. */
async function brokenUrls(facts: Facts): Promise<Finding[]> {
  const { database, databases, project } = facts;
  const real = facts.databaseSettings()?.password;
  const statuses = (await facts.engine()).kind === 'none' ? [] : await facts.status();
  return databaseReferences(project, databases).flatMap((reference): Finding[] => {
    const { service, variable, host, unencoded } = reference;
    if (!database || !reachableNames(database).includes(host)) return [];
    const raw = service.environment[variable] ?? '';
    // `%41` is an encoded character, unless the real password contains it literally.
    const literal = real !== undefined && /%[\da-f]{2}/i.test(real) && raw.includes(`:${real}@`);
    const signs = [...new Set([...unencoded, ...(literal ? ['%'] : [])])];
    if (signs.length === 0) return [];
    const status = statuses.find(({ name }) => name === service.name);
    const fails =
      status !== undefined &&
      (status.health === 'unhealthy' || ['exited', 'dead', 'restarting'].includes(status.state)) &&
      status.exitCode !== 0;
    return [
      {
        ...(fails ? {} : { severity: 'warn' as const }),
        message: `the password in ${variable} of "${service.name}" holds ${signs.map((sign) => (sign === ' ' ? 'a space' : sign)).join(' ')}, which a URL takes for its own`,
        why: 'Drivers cut the URL there: they look for another host, or log in with a part of the password.',
        next: `write it percent-encoded in the URL: ${signs.map((sign) => `${sign === ' ' ? 'a space' : sign} is ${encodeURIComponent(sign)}`).join(', ')}      (or choose a password of letters and digits)`,
        service: service.name,
        ...placeOfVariable(facts, service.name, variable),
      },
    ];
  });
}

/** Reports a running container that somebody disconnected from a network that the file gives it. */
async function detachedAtRunTime(
  facts: Facts,
  app: ComposeService,
  database: ComposeService,
): Promise<Finding | undefined> {
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
