import { describe, expect, it } from 'vitest';
import type { ComposeProject, ComposeService } from '../../../src/project/model.js';
import { appService, databaseService, postgresServices } from '../../../src/project/service-roles.js';

function service(name: string, fields: Partial<ComposeService> = {}): ComposeService {
  return {
    name,
    environment: {},
    ports: [],
    mounts: [],
    secrets: [],
    dependsOn: {},
    networks: [],
    profiles: [],
    ...fields,
  } as ComposeService;
}

function project(...services: ComposeService[]): ComposeProject {
  return {
    name: 'shop',
    services: Object.fromEntries(services.map((one) => [one.name, one])),
  } as ComposeProject;
}

const onDb = { db: { condition: 'service_healthy' as const, required: true } };
const build = { context: '/app', args: {} };

describe('databaseService', () => {
  it.each([
    'postgres',
    'postgres:16-alpine',
    'docker.io/library/postgres:16',
    'registry:5000/postgis/postgis:16-3.4',
    'timescale/timescaledb:latest-pg16',
    'postgres@sha256:00',
  ])('is the one with the image %s', (image) => {
    expect(
      databaseService(project(service('web', { image: 'nginx' }), service('db', { image })), {}).name,
    ).toBe('db');
  });

  it.each(['prometheuscommunity/postgres-exporter', 'postgresql-client:1', 'postgrest/postgrest'])(
    'is not the one with the image %s',
    (image) => {
      expect(() => databaseService(project(service('x', { image })), {})).toThrow(/no service/);
    },
  );

  it('is the one with the variables of the image where it is built, not the app that shares them', () => {
    const variables = { environment: { POSTGRES_PASSWORD: 'x' } };
    const found = databaseService(
      project(
        service('api', { build, ...variables, dependsOn: onDb }),
        service('db', { build, ...variables }),
      ),
      {},
    );
    expect(found.name).toBe('db');
  });

  it.each([
    ['an app that logs in elsewhere', 'elsewhere', undefined],
    ['a server that names itself', 'db', 'db'],
    ['a server that names its socket', '/var/run/postgresql', 'db'],
  ])('by its variables: %s', (_, host, found) => {
    const environment = { POSTGRES_PASSWORD: 'x', POSTGRES_HOST: host };
    expect(postgresServices(project(service('db', { build, environment })))[0]?.name).toBe(found);
  });

  it('cannot be decided between two, until invctl.yaml names it', () => {
    const two = project(service('a', { image: 'postgres:16' }), service('b', { image: 'postgres:16' }));
    expect(() => databaseService(two, {})).toThrow(
      expect.objectContaining({
        code: 'DATABASE_UNDECIDED',
        exitCode: 4,
        details: { key: 'services.database', candidates: ['a', 'b'] },
      }),
    );
    expect(databaseService(two, { database: 'b' }).name).toBe('b');
    expect(() => databaseService(two, { database: 'c' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', exitCode: 4 }),
    );
  });
});

describe('appService', () => {
  const db = service('db', { image: 'postgres:16' });

  it('is what depends on the database, rather what is built here', () => {
    const admin = service('adminer', { image: 'adminer', dependsOn: onDb });
    expect(appService(project(db, admin, service('api', { build, dependsOn: onDb })), {}).name).toBe('api');
    expect(appService(project(db, admin), {}).name).toBe('adminer');
    expect(appService(project(db, service('api', { build })), {}).name).toBe('api');
  });

  it('is a question of exit code 4 where nothing or too much answers', () => {
    expect(() => appService(project(db), {})).toThrow(
      expect.objectContaining({ code: 'NO_APP', exitCode: 4 }),
    );
    const two = project(db, service('a', { build }), service('b', { build }));
    expect(() => appService(two, {})).toThrow(
      expect.objectContaining({ code: 'APP_UNDECIDED', exitCode: 4 }),
    );
    expect(appService(two, { app: 'b' }).name).toBe('b');
  });
});
