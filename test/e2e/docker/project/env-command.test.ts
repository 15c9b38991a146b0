// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject } from '../../../support/docker-project.js';
import { withProject } from '../../../support/project/project-on-disk.js';
import { schemaErrors } from '../../../support/schema.js';

const MARKER = 's3cr3t-marker';
const files = {
  'compose.yaml': `services:
  web:
    image: postgres:16
    env_file: app.env
    environment:
      HOST: db
      PG_MAJOR:
      TOKEN: \${DOT_TOKEN}
`,
  'app.env': 'HOST=localhost\nLEVEL=info\n',
  'app.env.example': 'HOST=localhost\nLEVEL=info\nPORT=1\n',
  '.env': `DOT_TOKEN=${MARKER}\n`,
};

interface ExplainDocument {
  data: { variables: { name: string; source: { kind: string }; shadowed: { kind: string }[] }[] };
}

describe.skipIf(withoutDocker)('invctl env', () => {
  it('explain tells the winner and all that it shadows, down to the image', async () => {
    await withProject(files, async (cwd) => {
      const result = await invctl(['--engine', 'docker', 'env', 'explain', '--run', 'HOST=other', '--json'], {
        cwd,
      });
      expect(result).toMatchObject({ code: 0, stderr: '' });
      const document = JSON.parse(result.stdout) as ExplainDocument;
      expect(schemaErrors('env-explain', document)).toEqual([]);
      const kinds = Object.fromEntries(
        document.data.variables.map(({ name, source, shadowed }) => [
          name,
          [source, ...shadowed].map(({ kind }) => kind),
        ]),
      );
      expect(kinds).toMatchObject({
        HOST: ['run', 'environment', 'env_file'],
        LEVEL: ['env_file'],
        PG_MAJOR: ['environment', 'image'],
        TOKEN: ['environment'],
        PGDATA: ['image'],
      });
    });
  });

  it('shows secrets only where that is asked for and confirmed', async () => {
    await withProject(files, async (cwd) => {
      for (const args of [['explain'], ['list'], ['list', '--json'], ['diff']]) {
        const { code, stdout, stderr } = await invctl(['env', ...args], { cwd });
        expect(code).toBe(0);
        expect(stdout + stderr).not.toContain(MARKER);
      }
      const refused = await invctl(['env', 'explain', 'TOKEN', '--show-values'], { cwd });
      expect(refused).toMatchObject({ code: 7, stdout: '' });
      const shown = await invctl(['env', 'explain', 'TOKEN', '--show-values', '--yes'], { cwd });
      expect(shown.stdout).toContain(`TOKEN=${MARKER}`);
    });
  });

  it('--live names what a container has otherwise, and the command that it names makes it right', async () => {
    const project = await createDockerProject(`name: NAME
services:
  web:
    image: postgres:16
    entrypoint: [sleep, infinity]
    init: true
    tmpfs: [/var/lib/postgresql/data]
    env_file: app.env
    environment: {PG_MAJOR: }
`);
    try {
      await project.write('app.env', `LEVEL=info\nAPI_TOKEN=${MARKER}-1\nGONE=${MARKER}-2\n`);
      const compared = async () =>
        (await project.json(['env', 'list', '--live'])).document.data.live as {
          compared: boolean;
          stale: { name: string; change: string }[];
          next?: string;
        }[];
      expect(await compared()).toEqual([{ service: 'web', compared: false, stale: [] }]);
      expect((await project.invctl(['up'])).code).toBe(0);
      expect(await compared()).toMatchObject([{ compared: true, stale: [] }]);

      await project.write('app.env', `LEVEL=debug\nAPI_TOKEN=${MARKER}-3\nLATE=1\n`);
      expect((await project.invctl(['restart'])).code).toBe(0);
      const [web] = await compared();
      expect(web?.stale.map(({ name, change }) => [name, change])).toEqual([
        ['API_TOKEN', 'changed'],
        ['GONE', 'removed'],
        ['LATE', 'added'],
        ['LEVEL', 'changed'],
      ]);
      for (const args of [['explain'], ['explain', 'GONE'], ['list'], ['list', '--json']]) {
        const { code, stdout, stderr } = await project.invctl(['env', ...args, '--live']);
        expect(code).toBe(0);
        expect(stdout + stderr).toContain('GONE');
        expect(stdout + stderr).not.toContain(MARKER);
      }
      expect(web?.next).toBe('invctl up web');
      expect((await project.invctl(['up', 'web'])).code).toBe(0);
      expect(await compared()).toMatchObject([{ compared: true, stale: [] }]);
    } finally {
      await project.remove();
    }
    expect(await project.leftovers()).toEqual([]);
  });

  it('diff names what is missing', async () => {
    await withProject(files, async (cwd) => {
      const { stdout } = await invctl(['env', 'diff'], { cwd });
      expect(stdout).toBe('app.env against app.env.example\n  lacks PORT\n');
    });
  });

  it('ends with 2 for an unknown variable and with 4, file and line for a broken env file', async () => {
    await withProject({ ...files, 'app.env': 'A=1\nB="open\n' }, async (cwd) => {
      const broken = await invctl(['env', 'list', '--json'], { cwd });
      expect(broken.code).toBe(4);
      expect(JSON.parse(broken.stdout)).toMatchObject({
        ok: false,
        error: { code: 'ENV_FILE_SYNTAX', file: `${cwd}/app.env`, line: 2 },
      });
    });
    await withProject(files, async (cwd) => {
      expect(await invctl(['env', 'explain', 'HOTS'], { cwd })).toMatchObject({ code: 2 });
      expect(await invctl(['env', 'explain', 'HOST', '--run', '=x'], { cwd })).toMatchObject({ code: 2 });
    });
  });
});
