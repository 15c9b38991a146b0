import { describe, expect, it } from 'vitest';
import { imageOfMajor, majorOfImageEnvironment, postgresImage } from '../../../src/postgres/image.js';

describe("PostgreSQL's major of an image", () => {
  it.each<[string, number | undefined]>([
    ['postgres', undefined],
    ['postgres:latest', undefined],
    ['postgres:alpine3.20', undefined],
    ['postgres:17-alpine3.20', 17],
    ['postgres:9.6', 9],
    ['postgres:18beta1', 18],
    ['postgres:v16.2', 16],
    ['docker.io/library/postgres:16.4-bookworm', 16],
    ['registry.example:5000/postgres', undefined],
    ['registry.example:5000/mirror/postgres:15', 15],
    ['postgres:16@sha256:17000000000000000000000000000000000000000000000000000000000000aa', 16],
    ['postgres@sha256:17000000000000000000000000000000000000000000000000000000000000aa', undefined],
    ['example/postgres:1.2.3', undefined],
    ['example/postgres:2024-11-05', undefined],
    ['example/postgres:20240101', undefined],
    ['pgvector/pgvector:pg17', 17],
    ['pgvector/pgvector:0.8.2-pg17', 17],
    ['pgvector/pgvector:0.8.2-pg17-trixie', 17],
    ['ankane/pgvector:v0.5.1', undefined],
    ['ankane/pgvector', undefined],
    ['postgis/postgis:17-3.5', 17],
    ['postgis/postgis:16-master', 16],
    ['imresamu/postgis:17-3.5-bundle0-bookworm', 17],
    ['kartoza/postgis:16-3.4--v2024.03.17', 16],
    ['timescale/timescaledb:2.17.2-pg17', 17],
    ['timescale/timescaledb:latest-pg16-oss', 16],
    ['timescale/timescaledb:2.17.2', undefined],
    ['timescale/timescaledb-ha:pg17.2-ts2.17.2', 17],
    ['timescale/timescaledb-ha:pg16-all', 16],
    ['supabase/postgres:15.1.0.147', 15],
    ['public.ecr.aws/supabase/postgres:17.4.1.074', 17],
    ['bitnami/postgresql:17.2.0-debian-12-r3', 17],
    ['bitnamilegacy/postgresql-repmgr:16', 16],
    ['bitnami/postgresql:latest', undefined],
    // Citus counts itself.
    ['citusdata/citus:12.1', undefined],
    ['citusdata/citus:12.1-pg16', 16],
    ['citusdata/citus:postgres_15', 15],
    ['paradedb/paradedb:0.15.10-pg17', 17],
    ['paradedb/paradedb:latest', undefined],
    ['ghcr.io/cloudnative-pg/postgresql:17.2-1-bookworm', 17],
    ['ghcr.io/cloudnative-pg/postgis:16-3.5', 16],
    ['ghcr.io/tensorchord/pgvecto-rs:pg16-v0.2.0', 16],
    ['ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0', 14],
    ['groonga/pgroonga:3.2.4-alpine-17', 17],
    ['groonga/pgroonga:latest-debian-16', 16],
    ['apache/age:release_PG17_1.6.0', 17],
    ['percona/percona-distribution-postgresql:16.3-1', 16],
    ['registry.developers.crunchydata.com/crunchydata/crunchy-postgres:ubi8-16.2-0', 16],
    ['quay.io/sclorg/postgresql-16-c9s:latest', 16],
    ['ghcr.io/zalando/spilo-16:3.2-p3', 16],
  ])('%s: %s', (image, major) => expect(postgresImage(image)?.major).toBe(major));

  it.each([
    undefined,
    '',
    'edoburu/pgbouncer:v1.23.1-p2',
    'postgrest/postgrest:v12',
    'quay.io/prometheuscommunity/postgres-exporter:v0.16.0',
    'postgresql-client:16',
    'dpage/pgadmin4:9.8',
    'example/shop:17',
    'mysql:8',
  ])('%s is no PostgreSQL', (image) => expect(postgresImage(image)).toBeUndefined());

  it.each([
    ['postgres:16', 'official'],
    ['pgvector/pgvector:pg17', 'official'],
    ['citusdata/citus:12.1', 'official'],
    ['bitnami/postgresql:16', 'bitnami'],
    ['kartoza/postgis:16-3.4', 'other'],
    ['timescale/timescaledb-ha:pg17', 'other'],
    ['ghcr.io/cloudnative-pg/postgis:16-3.5', 'other'],
  ])('%s has the variables and paths called %s', (image, kind) =>
    expect(postgresImage(image)?.interface).toBe(kind),
  );
});

describe("an image's own environment", () => {
  it.each<[string[] | null, number | undefined]>([
    [['PATH=/usr/bin', 'PG_MAJOR=17', 'PG_VERSION=17.6-1.pgdg13+1'], 17],
    [['POSTGRESQL_VERSION=16'], 16],
    [['PG_MAJOR=9.6'], 9],
    [['PG_MAJOR='], undefined],
    [null, undefined],
  ])('%j: %s', (variables, major) => expect(majorOfImageEnvironment(variables)).toBe(major));
});

describe('the image of another major', () => {
  it.each([
    ['postgres:16', 'postgres:17'],
    ['postgres:16.4', 'postgres:17'],
    ['postgres:16.4-alpine3.20', 'postgres:17-alpine3.20'],
    ['docker.io/library/postgres:16-bookworm', 'docker.io/library/postgres:17-bookworm'],
    ['postgis/postgis:16-3.4', 'postgis/postgis:17-3.4'],
    ['pgvector/pgvector:pg16', 'pgvector/pgvector:pg17'],
    ['registry.example:5000/postgres:16', 'registry.example:5000/postgres:17'],
    ['pgvector/pgvector:0.8.2-pg16', 'pgvector/pgvector:0.8.2-pg17'],
    ['timescale/timescaledb:2.17.2-pg16', 'timescale/timescaledb:2.17.2-pg17'],
    ['ghcr.io/tensorchord/pgvecto-rs:pg16-v0.2.0', 'ghcr.io/tensorchord/pgvecto-rs:pg17-v0.2.0'],
  ])('%s → %s', (before, after) => expect(imageOfMajor(before, 16, 17)).toBe(after));

  it.each([
    'postgres',
    'postgres:latest',
    'postgres:15',
    'postgres:16beta1',
    'postgres:16@sha256:0000000000000000000000000000000000000000000000000000000000000000',
    'shop:16',
    'citusdata/citus:12.1',
    'supabase/postgres:16.1.0.2',
    'bitnami/postgresql:16',
  ])('of %s is not known', (image) => expect(imageOfMajor(image, 16, 17)).toBeUndefined());
});
