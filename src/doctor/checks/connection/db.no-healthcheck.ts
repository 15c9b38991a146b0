import { setKey } from '../../../project/compose-text.js';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type FixStep } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { placeOf } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';

export const check = defineCheck({
  id: 'db.no-healthcheck',
  chapter: 'connection',
  title: 'the database has no health check',
  severity: 'info',
  why: 'Nobody can wait until it is ready: whatever starts with it has to retry by itself.',
  docs: `The PostgreSQL image brings no health check of its own. Without one, \`depends_on\` waits for the container, not for the server. Where a service waits with \`condition: service_healthy\`, Compose refuses to start: that is a failure. Where nobody waits, it is information, since an app may well retry.`,
  probe(facts) {
    const { database, project } = facts;
    if (!database || (database.healthcheck && !database.healthcheck.disabled)) return [];
    const waiting = Object.values(project.services).find(
      ({ dependsOn }) => dependsOn[database.name]?.condition === 'service_healthy',
    );
    // An image that is built here, or is not the official one, may have its own health check.
    if (database.build || (!database.healthcheck?.disabled && !isOfficialPostgres(database))) return [];
    return [
      {
        message: waiting
          ? `"${waiting.name}" waits until "${database.name}" is healthy, but that has no health check`
          : `"${database.name}" has no health check`,
        ...(waiting ? { severity: 'fail' as const, why: 'Compose refuses to start what waits for it.' } : {}),
        next: `add a healthcheck to ${database.name}: pg_isready -h 127.0.0.1`,
        service: database.name,
        ...placeOf(facts.reading, 'services', database.name),
        // Somebody disabled the check on purpose.
        ...(database.healthcheck ? {} : { mend: () => addHealthCheck(facts, database) }),
      },
    ];
  },
  fix: { safety: 'safe' },
});

function addHealthCheck(facts: Facts, { name, environment }: ComposeService): Promise<FixStep[]> {
  const user = environment.POSTGRES_USER || 'postgres';
  const test = JSON.stringify(['CMD', 'pg_isready', '-q', '-h', '127.0.0.1', '-U', user]);
  return editService(facts, name, `add a health check to ${name}`, (text, path) =>
    setKey(
      text,
      path,
      'healthcheck',
      `{ test: ${test.replaceAll('$', '$$$$')}, interval: 10s, timeout: 5s, retries: 5, start_period: 1m }`,
    ),
  );
}
