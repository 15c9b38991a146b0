import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VIEWS } from '../../../../src/architecture/graph.js';
import { projectDocument } from '../../../../src/services/docs.js';
import { stackPicture } from '../../../../src/services/graph.js';
import { folderContext } from '../../../support/architecture/folder-context.js';
import { bareShell, withProject } from '../../../support/project/project-on-disk.js';

/** Each place has a marker of its own, so that a failure says which one leaks. */
const marker = (place: string) => `m4rker-${place}-9f3a77`;

const FILES: Record<string, string> = {
  'compose.yaml': `name: leaky
services:
  app:
    build:
      context: .
      args: {API_TOKEN: ${marker('build-arg')}}
    command: [server, --password, ${marker('flag')}, "--api-key=${marker('flag-sign')}"]
    entrypoint: [sh, -c, "LOGIN_SECRET=${marker('entrypoint')} exec app"]
    env_file: [kept.env, own.env]
    environment:
      DATABASE_URL: postgres://app:${marker('url')}@db:5432/app
      JWT_SECRET: ${marker('literal')}
      FROM_DOTENV: \${DB_PASSWORD}
      GREETING: "say ${marker('secret-file')}"
      OPTIONS: "-c --token ${marker('option')}"
    labels: {team.token: ${marker('label')}}
    depends_on: [db, cache]
    secrets: [key, shell_key]
    healthcheck: {test: ["CMD-SHELL", "PGPASSWORD=${marker('health')} psql -h db"]}
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: "\${DB_PASSWORD}"}
    healthcheck: {test: [CMD, mysqladmin, ping, -p${marker('joined')}]}
  cache:
    image: redis:7
    command: redis-server --requirepass ${marker('redis')}
    healthcheck: {test: redis-cli -a ${marker('redis-cli')} ping}
secrets:
  key: {file: ./key.txt}
  shell_key: {environment: SHELL_KEY}
x-credentials: {password: ${marker('extension')}}
`,
  '.env': `DB_PASSWORD=${marker('dotenv')}\n`,
  '.env.example': `DB_PASSWORD=${marker('example')}\n`,
  'kept.env': `KEPT_TOKEN=${marker('kept')}\n# OPTIONAL_SECRET=${marker('optional')}\n# the old password: ${marker('secret-file')}\nLEVEL=info\n`,
  'own.env': `MACHINE_ONLY=${marker('ignored')}\n`,
  'key.txt': `${marker('secret-file')}\n`,
  '.gitignore': 'own.env\nkey.txt\n.env\n',
  Dockerfile: `FROM node:24\nARG NPM_TOKEN=${marker('arg')}\nENV SESSION_SECRET=${marker('env')}\nRUN curl -u user:${marker('curl')} https://user:${marker('curl-url')}@host/\nHEALTHCHECK CMD app --token ${marker('docker-health')}\nCMD ["app", "--secret", "${marker('cmd')}"]\n`,
};

const MARKERS = [
  ...new Set(Object.values(FILES).flatMap((text) => text.match(/m4rker-[a-z-]+-9f3a77/g) ?? [])),
];

describe('a document', () => {
  it('has no secret, wherever one stands', async () => {
    expect(MARKERS.length).toBeGreaterThan(20);
    await withProject(FILES, async (root) => {
      const context = folderContext(root, bareShell({ SHELL_KEY: marker('shell') }));
      const { file } = await projectDocument(context, { check: false });
      const views = await Promise.all(VIEWS.map((view) => stackPicture(context, view)));
      const told = readFileSync(file, 'utf8') + JSON.stringify(views);
      expect([...MARKERS, marker('shell')].filter((text) => told.includes(text))).toEqual([]);
      expect(told).toContain('DATABASE_URL');
    });
  });

  it('is the same on a machine with its own settings, in another folder, and in a clone without them', async () => {
    const { 'compose.yaml': compose = '', ...others } = FILES;
    const files = {
      ...others,
      'kept.env': 'LEVEL=info\n',
      'compose.yaml': compose
        .replace('name: leaky\n', '')
        .replace(/ +GREETING: .*\n/, '')
        .replace('image: postgres:16', 'image: "postgres:$' + '{TAG:-16}"\n    user: "$' + '{UID_HERE}"'),
    };
    await withProject(files, async (root) => {
      const shell = bareShell({
        UID_HERE: '1234',
        TAG: '15',
        COMPOSE_PROJECT_NAME: 'mine',
        DB_PASSWORD: 'other',
      });
      const { file } = await projectDocument(folderContext(root, shell), { check: false });
      const clone = join(root, '..', 'another folder');
      mkdirSync(clone);
      for (const name of ['compose.yaml', '.env.example', 'kept.env', '.gitignore', 'Dockerfile'])
        cpSync(join(root, name), join(clone, name));
      mkdirSync(join(clone, 'docs'));
      writeFileSync(join(clone, 'docs/ARCHITECTURE.md'), readFileSync(file));
      mkdirSync(join(clone, '.git'));
      const checked = await projectDocument(folderContext(clone, bareShell({ HOME: '/nowhere' })), {
        check: true,
      });
      expect(checked.diff).toBeUndefined();
      expect(checked.state).toBe('unchanged');
    });
  });
});
