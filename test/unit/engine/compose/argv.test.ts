import { describe, expect, it } from 'vitest';
import * as argv from '../../../../src/engine/compose/argv.js';
import type { ProjectLocation } from '../../../../src/project/locate.js';

const shop: ProjectLocation = {
  name: 'shop',
  directory: '/srv/shop',
  files: ['/srv/shop/compose.yaml'],
  envFiles: [],
  explicitFiles: false,
  stateFolder: '/srv/shop/.invctl',
};

describe('argument vectors', () => {
  it('leave the files to Compose where they are the default ones', () => {
    expect(argv.config(shop)).toEqual(['compose', 'config', '--format', 'json']);
  });

  it('name the files where COMPOSE_FILE does', () => {
    const location = { ...shop, explicitFiles: true, files: ['/srv/a b.yml', '/srv/ü.yml'] };
    expect(argv.config(location).slice(0, 5)).toEqual([
      'compose',
      '--file',
      '/srv/a b.yml',
      '--file',
      '/srv/ü.yml',
    ]);
  });

  it('name the .env files with them, which Compose would forget', () => {
    const location = { ...shop, explicitFiles: true, envFiles: ['/srv/deep/.env', '/srv/.env'] };
    expect(argv.config(location).slice(1, 6)).toEqual([
      '--env-file',
      '/srv/deep/.env',
      '--env-file',
      '/srv/.env',
      '--file',
    ]);
  });

  it('keep a service that looks like an option from being read as one', () => {
    expect(argv.up(shop, ['api'], { recreate: true })).toEqual(
      argv.up(shop, ['api']).toSpliced(-2, 0, '--force-recreate'),
    );
    expect(argv.up(shop, ['--rm', 'api'])).toEqual([
      'compose',
      '--progress',
      'plain',
      'up',
      '--detach',
      '--no-build',
      '--quiet-pull',
      '--',
      '--rm',
      'api',
    ]);
  });

  it('remove volumes only when told', () => {
    expect(argv.down(shop, { volumes: false })).not.toContain('--volumes');
    expect(argv.down(shop, { volumes: true })).toContain('--volumes');
  });

  it('carry the names of variables, never their values', () => {
    const words = argv.run(shop, 'api', ['printenv'], { env: { DATABASE_PASSWORD: 'hunter2' } });
    expect(words.join(' ')).toBe(
      'compose --progress quiet run --rm --no-TTY --env DATABASE_PASSWORD -- api printenv',
    );
  });

  it('ask for a terminal only where there is one', () => {
    expect(argv.exec('4f1', ['psql'], { tty: true })).toEqual([
      'exec',
      '--interactive',
      '--tty',
      '4f1',
      'psql',
    ]);
    expect(argv.exec('4f1', ['psql'], {})).not.toContain('--tty');
    expect(argv.run(shop, 'api', ['node'], {})).toContain('--no-TTY');
  });

  it('look for one-off containers nowhere', () => {
    expect(argv.containerIds('shop')).toContain('label=com.docker.compose.oneoff=False');
  });

  it('give events since a time with fractions', () => {
    expect(argv.events('shop', 1795394059.0589)).toContain('1795394059.058900118');
  });

  it('pass the limits of logs on', () => {
    expect(
      argv.logs(shop, { services: ['api'], follow: true, tail: 5, since: '2026-01-01T00:00:00.000Z' }),
    ).toEqual([
      'compose',
      'logs',
      '--no-color',
      '--timestamps',
      '--follow',
      '--tail',
      '5',
      '--since',
      '2026-01-01T00:00:00.000Z',
      '--',
      'api',
    ]);
  });
});
