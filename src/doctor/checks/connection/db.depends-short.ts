import { isSeq, parseDocument } from 'yaml';
import { replaceScalar, setKey } from '../../../project/compose-text.js';
import type { ComposeService } from '../../../project/model.js';
import { receiverPlace } from '../../../project/receiver.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { placeOf } from '../../reading.js';
import { databaseReferences, reachableNames } from '../../roles.js';

export const check = defineCheck({
  id: 'db.depends-short',
  chapter: 'connection',
  title: 'the app does not wait until the database is healthy',
  severity: 'info',
  requires: ['db.no-healthcheck'],
  why: 'It starts while the database still does, and its first connections may be refused.',
  docs: `\`depends_on: [db]\` waits for the container alone. The long form \`depends_on: {db: {condition: service_healthy}}\` waits for the health check. An app that retries does without, so this is information.`,
  probe(facts) {
    const { database } = facts;
    if (!database?.healthcheck || database.healthcheck.disabled) return [];
    return impatient(facts).map((app) => ({
      message: `"${app.name}" does not wait until "${database.name}" is healthy`,
      next: `depends_on: {${database.name}: {condition: service_healthy}} in ${app.name}`,
      service: app.name,
      ...placeOf(facts.reading, 'services', app.name, 'depends_on'),
      mend: () =>
        editService(facts, app.name, `let ${app.name} wait until ${database.name} is healthy`, (text, path) =>
          waitForHealth(text, [...path, 'depends_on'], database.name),
        ),
    }));
  },
  fix: { safety: 'safe' },
});

/** Services that use the database and do not wait until it is healthy. */
function impatient({ project, databases, database }: Facts): ComposeService[] {
  if (!database) return [];
  const referring = databaseReferences(project, databases)
    .filter(({ host }) => reachableNames(database).includes(host))
    .map(({ service }) => service);
  const depending = Object.values(project.services).filter(({ dependsOn }) => database.name in dependsOn);
  return [...new Set([...referring, ...depending])].filter((service) => {
    // The receiver waits by itself.
    if (receiverPlace(service) !== undefined) return false;
    const condition = service.dependsOn[database.name]?.condition;
    return condition === undefined || condition === 'service_started';
  });
}

function waitForHealth(text: string, path: readonly string[], database: string): string | undefined {
  const node = parseDocument(text).getIn(path, true);
  if (!isSeq(node)) {
    return (
      replaceScalar(text, [...path, database, 'condition'], 'service_healthy') ??
      setKey(text, path, database, '{ condition: service_healthy }')
    );
  }
  if (!node.range) return undefined;
  const names = (node.toJSON() as string[]).filter((name) => name !== database);
  const entries = [
    ...names.map((name) => `${name}: { condition: service_started }`),
    `${database}: { condition: service_healthy }`,
  ];
  const end = text.slice(node.range[0], node.range[1]).trimEnd().length + node.range[0];
  const edited = `${text.slice(0, node.range[0])}{ ${entries.join(', ')} }${text.slice(end)}`;
  return parseDocument(edited).errors.length === 0 ? edited : undefined;
}
