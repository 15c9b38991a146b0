import { describe, expect, it } from 'vitest';
import { trialProject } from '../../../../src/engine/compose/trial-project.js';
import type { ComposeConfig } from '../../../../src/project/from-config.js';

const CONFIG: ComposeConfig = {
  name: 'shop',
  services: {
    db: {
      image: 'postgres:17',
      container_name: 'the-db',
      restart: 'always',
      ports: [{ target: 5432, published: '5432' }],
      environment: { POSTGRES_PASSWORD: 'ma$$ked', PGDATA: null },
      networks: { backend: { aliases: ['pg'], ipv4_address: '10.0.0.2' } as { aliases: string[] } },
      volumes: [
        { type: 'volume', source: 'pgdata_17', target: '/var/lib/postgresql/data' },
        { type: 'bind', source: '/srv/init', target: '/docker-entrypoint-initdb.d' },
        { type: 'bind', source: '/srv/x.sql', target: '/docker-entrypoint-initdb.d/x.sql' },
      ],
    },
    api: {
      build: { context: '/srv' },
      labels: { 'traefik.enable': 'true' },
      deploy: { replicas: 3, resources: { limits: { memory: '1g' } } },
      environment: { POSTGRES_PASSWORD: 'another' },
      networks: { backend: null, front: null },
      depends_on: { db: { condition: 'service_healthy' }, mail: { condition: 'service_started' } },
    },
    mail: { image: 'mail', networks: { front: null } },
  },
  networks: { backend: { name: 'shop_backend', internal: true }, front: { name: 'shared', external: true } },
  volumes: { pgdata_17: { name: 'shop_pgdata_17' }, uploads: { name: 'shop_uploads', driver_opts: {} } },
  secrets: { db_password: { file: '/srv/password' } },
};

const { document, values } = trialProject(CONFIG, {
  name: 'shop-upgrade',
  services: ['db', 'api'],
  volume: { key: 'pgdata_17', name: 'shop_pgdata_17' },
  without: ['/docker-entrypoint-initdb.d'],
});

describe('a trial of some services of a project', () => {
  it('shares no network, volume, name, port or label with it', () => {
    expect(Object.keys(document.services)).toEqual(['db', 'api']);
    expect(document.networks).toEqual({ backend: { internal: true }, front: {} });
    expect(document.volumes).toEqual({ pgdata_17: { name: 'shop_pgdata_17', external: true }, uploads: {} });
    for (const service of Object.values(document.services)) {
      expect(Object.keys(service)).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^(ports|container_name|labels|profiles|build)$/)]),
      );
    }
    expect(document.services.db).toMatchObject({ restart: 'no', networks: { backend: { aliases: ['pg'] } } });
    expect(JSON.stringify(document.services.db?.networks)).not.toContain('10.0.0.2');
  });

  it('starts the images that are there, once, and waits for what it has', () => {
    expect(document.services.api).toMatchObject({
      image: 'shop-api',
      pull_policy: 'never',
      deploy: { resources: { limits: { memory: '1g' } } },
      depends_on: { db: { condition: 'service_healthy' } },
    });
    expect(document.services.api?.deploy).not.toHaveProperty('replicas');
    expect(document.services.api?.depends_on).not.toHaveProperty('mail');
  });

  it('runs no init scripts', () => {
    expect(document.services.db?.volumes).toEqual([
      { type: 'volume', source: 'pgdata_17', target: '/var/lib/postgresql/data' },
    ]);
  });

  it('keeps the values of variables out of its file', () => {
    expect(JSON.stringify(document)).not.toMatch(/ked|another/);
    expect(document.services.db?.environment).toEqual({
      POSTGRES_PASSWORD: '${INVCTL_TRIAL_0}',
      PGDATA: null,
    });
    expect(document.services.api?.environment).toEqual({ POSTGRES_PASSWORD: '${INVCTL_TRIAL_1}' });
    expect(values).toEqual({ INVCTL_TRIAL_0: 'ma$ked', INVCTL_TRIAL_1: 'another' });
  });
});
