import { chmodSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject, docker, leftovers, removeProject } from '../../../support/docker-project.js';
import { type SickProject, scaffoldProject } from '../../../support/doctor/project.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { schemaErrors } from '../../../support/schema.js';

const MARKER = 'seeded-marker-b6e3';
const ADMIN = 'secrets/admin_password.txt';

interface Examined {
  code: number | null;
  /** `id outcome` of each check that found something and follows from no other. */
  found: string[];
}

async function examine(folder: string): Promise<Examined> {
  const { code, stdout, stderr } = await invctl(['--engine', 'docker', '--json', 'secrets', 'check'], {
    cwd: folder,
  });
  expect(stdout + stderr).not.toContain(MARKER);
  const document = JSON.parse(stdout);
  expect(schemaErrors('secrets-check', document)).toEqual([]);
  const found = document.data.checks.filter(
    ({ findings, followsFrom }: { findings: unknown[]; followsFrom?: string[] }) =>
      findings.length > 0 && !followsFrom?.length,
  );
  return { code, found: found.map(({ id, outcome }: { id: string; outcome: string }) => `${id} ${outcome}`) };
}

describe.skipIf(withoutDocker)('secrets check, on a stack that runs', () => {
  let project: SickProject;

  beforeAll(async () => {
    project = await scaffoldProject();
    project.write(ADMIN, `${MARKER}-of-the-admin`, 0o444);
    project.write('secrets/db_password.txt', `${MARKER}-of-the-server`, 0o444);
    project.run('git', 'init', '--quiet');
    project.run('git', 'add', '--all');
    project.mark();
    await run('up');
  });
  afterEach(() => project.heal());
  afterAll(async () => {
    await removeProject(project.name);
    expect(await leftovers(project.name)).toEqual([]);
    await project.dispose();
  });

  async function run(...args: string[]): Promise<void> {
    const { code, stderr } = await invctl(['--engine', 'docker', ...args], { cwd: project.folder });
    expect(code, stderr).toBe(0);
  }

  it('finds nothing in what init wrote', async () => {
    expect(await examine(project.folder)).toEqual({ code: 0, found: [] });
  });

  it.each<[aspect: string, fault: (p: SickProject) => void, found: string[], code: number]>([
    ['that it is there', (p) => p.remove(ADMIN), ['secret.missing fail'], 5],
    ['its bytes: a BOM', (p) => p.write(ADMIN, `\uFEFF${MARKER}-x`, 0o444), ['secret.bytes fail'], 5],
    ['its bytes: a CR', (p) => p.write(ADMIN, `${MARKER}-x\r\n`, 0o444), ['secret.bytes fail'], 5],
    ['its bytes: a space', (p) => p.write(ADMIN, `${MARKER}-x \n`, 0o444), ['secret.bytes fail'], 5],
    ['no final newline: all strip it', (p) => p.write(ADMIN, `${MARKER}-x\n`, 0o444), [], 0],
    ['its strength', (p) => p.write(ADMIN, 'Xk3-9q', 0o444), ['secret.weak warn'], 0],
    [
      "its permissions against the container's user",
      (p) => chmodSync(p.path(ADMIN), 0o600),
      ['secret.unreadable fail'],
      5,
    ],
    ['that git does not track it', (p) => p.run('git', 'add', '--force', ADMIN), ['sec.tracked warn'], 0],
    [
      'that it is granted',
      (p) => p.edit('compose.yaml', 'secrets: [db_password]', 'secrets: []'),
      ['secret.unlisted fail'],
      5,
    ],
    [
      'that it is mounted where the app reads it',
      (p) => p.edit('compose.yaml', 'DATABASE_HOST: db', 'DATABASE_HOST: db\n      SECRETS_DIR: /secrets'),
      ['secret.app-path fail'],
      5,
    ],
  ])('judges %s', async (_aspect, fault, found, code) => {
    fault(project);
    expect(await examine(project.folder)).toEqual({ code, found });
  });

  it('judges that no layer of an image has it', async () => {
    project.edit('stack/Dockerfile', 'USER 1000', `RUN echo ${MARKER}-of-the-admin > /dev/null\nUSER 1000`);
    await run('build', 'api');
    // The layers have it, whatever the Dockerfile says by now.
    await project.heal();
    expect(await examine(project.folder)).toEqual({ code: 5, found: ['sec.image-secret fail'] });
  });

  it('leaves the password of a volume with data to rotate, also when nothing runs', async () => {
    await run('down');
    const { code, stdout } = await invctl(
      ['--engine', 'docker', '--json', 'secrets', 'set', 'db_password', '--yes'],
      { cwd: project.folder, input: `${MARKER}-typed` },
    );
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'SECRET_GUARDS_DATA',
      hint: 'invctl secrets rotate db_password',
    });
    expect(code).toBe(1);
    expect(project.read('secrets/db_password.txt')).toBe(`${MARKER}-of-the-server`);
  });
});

describe.skipIf(withoutDocker)('a password with doubtful bytes', () => {
  const value = `${MARKER}-x`;

  it.each(
    faultSteps<[of: string, text: string, right: string, wrong: string]>(
      [
        ['CR LF at its end', `${value}\r\n`, value, `${value}\r`],
        ['a BOM', `\uFEFF${value}`, value, `x${value}`],
      ],
      [
        ['a CR inside', `${MARKER}\r-x`, `${MARKER}\r-x`, value],
        ['a space at its end', `${value} \n`, `${value} `, value],
      ],
    ),
  )(
    '%s: is what we say on the server, is found, and is mended by a rotation',
    async (_case, text, right, wrong) => {
      const project = await createDockerProject(`name: NAME
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/password}
    secrets: [password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 500ms, retries: 60}
secrets:
  password: {file: ./password.txt}
volumes: {pgdata: {}}
`);
      const opens = async (password: string) => {
        const script = 'psql -h "$(hostname -i)" -U postgres -w -c "SELECT 1"';
        return docker(
          'exec',
          '-e',
          `PGPASSWORD=${password}`,
          `${project.name}-db-1`,
          'sh',
          '-c',
          script,
        ).then(
          () => true,
          () => false,
        );
      };
      try {
        await project.write('password.txt', text);
        expect((await project.invctl(['up'])).code).toBe(0);
        expect(await opens(right)).toBe(true);
        expect(await opens(wrong)).toBe(false);
        // Not that the password is another one: that it may be for another reader.
        expect((await examine(project.folder)).found).toEqual(['secret.bytes fail']);
        expect((await project.invctl(['secrets', 'rotate'])).code).toBe(0);
        expect(await opens(right)).toBe(false);
        expect(await opens(await readFile(join(project.folder, 'password.txt'), 'utf8'))).toBe(true);
        expect((await examine(project.folder)).found).toEqual([]);
      } finally {
        await project.remove();
      }
      expect(await project.leftovers()).toEqual([]);
    },
  );
});
