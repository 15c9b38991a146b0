// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { describe, expect, it } from 'vitest';
import type { Engine, LiveEnvironment } from '../../../src/engine/engine.js';
import { ExitCode, UserError } from '../../../src/errors.js';
import { locateProject } from '../../../src/project/locate.js';
import type { ServiceContext } from '../../../src/services/context.js';
import { diffEnvironment, type ExplainInput, explainEnvironment } from '../../../src/services/environment.js';
import { Secret } from '../../../src/system/secret.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';
import { documentErrors } from '../../support/schema.js';

const MARKER = 's3cr3t-marker';

interface World {
  context: ServiceContext;
  warnings: string[];
}

/** A world without an engine, or with one that knows nothing but the images' ENV and what runs. */
function world(
  directory: string,
  shell: Record<string, string> = {},
  images?: Record<string, Record<string, string>>,
  running: Record<string, LiveEnvironment[]> = {},
): World {
  const warnings: string[] = [];
  const env = bareShell(shell);
  const context: ServiceContext = {
    directory,
    env,
    processes: undefined as never,
    signal: new AbortController().signal,
    warn: (message) => {
      warnings.push(message);
    },
    project: () => locateProject(directory, env),
    engine: async () => {
      if (!images) {
        throw new UserError({ code: 'NO_ENGINE', message: 'none', exitCode: ExitCode.engineUnavailable });
      }
      return {
        imageEnvironments: async () => new Map(Object.entries(images)),
        environments: async () => new Map(Object.entries(running)),
      } satisfies Partial<Engine> as unknown as Engine;
    },
  };
  return { context, warnings };
}

const files = {
  'compose.yaml': `services:
  api:
    image: x
    environment:
      DATABASE_PASSWORD: ${MARKER}
      DATABASE_PASSWORD_FILE: /run/secrets/db
      DATABASE_URL: postgres://app:${MARKER}@db/shop
      OTHER: "is \${API_TOKEN}"
      EMPTY_SECRET:
      PLAIN: visible
    env_file: a.env
  db:
    image: y
    environment: {PLAIN: "\${GONE}"}
`,
  'a.env': `DATABASE_PASSWORD=older-${MARKER}\nPLAIN=shadowed\n`,
  '.env': `API_TOKEN=${MARKER}\n`,
};

describe('explainEnvironment', () => {
  it('shows no secret, whether it is one by its name, its form or its origin', async () => {
    await withProject(files, async (directory) => {
      const { variables } = await explainEnvironment(world(directory).context, {});
      expect(JSON.stringify(variables)).not.toContain(MARKER);
      const values = Object.fromEntries(
        variables
          .filter(({ service }) => service === 'api')
          .map((one) => [one.name, [one.value, one.redacted]]),
      );
      expect(values).toEqual({
        DATABASE_PASSWORD: ['[redacted]', true],
        DATABASE_PASSWORD_FILE: ['/run/secrets/db', false],
        DATABASE_URL: ['postgres://app:[redacted]@db/shop', true],
        OTHER: ['[redacted]', true],
        EMPTY_SECRET: [null, false],
        PLAIN: ['visible', false],
      });
    });
  });

  it('shows them all where that is asked for', async () => {
    await withProject(files, async (directory) => {
      const { variables } = await explainEnvironment(world(directory).context, {
        variable: 'DATABASE_PASSWORD',
        showValues: true,
      });
      const [variable] = variables;
      expect(variable).toMatchObject({
        value: MARKER,
        redacted: false,
        shadowed: [{ kind: 'env_file', line: 1, value: `older-${MARKER}` }],
      });
    });
  });

  it('fits the published schema', async () => {
    await withProject(files, async (directory) => {
      const { variables } = await explainEnvironment(world(directory, {}, { x: { PATH: '/bin' } }).context, {
        run: ['PLAIN=x'],
      });
      expect(documentErrors('env explain', { variables })).toEqual([]);
    });
  });

  it('puts the image last and run first, with an engine', async () => {
    await withProject(files, async (directory) => {
      const { context } = world(directory, {}, { x: { PLAIN: 'image', PATH: '/bin' } });
      const { variables } = await explainEnvironment(context, { services: ['api'], run: ['PLAIN=run'] });
      const plain = variables.find(({ name }) => name === 'PLAIN');
      expect([plain?.source, ...(plain?.shadowed ?? [])].map((one) => one?.kind)).toEqual([
        'run',
        'environment',
        'env_file',
        'image',
      ]);
      expect(variables.find(({ name }) => name === 'PATH')).toMatchObject({
        value: '/bin',
        source: { kind: 'image' },
      });
    });
  });

  it('passes on what Compose warns about', async () => {
    await withProject(files, async (directory) => {
      const { context, warnings } = world(directory);
      await explainEnvironment(context, {});
      expect(warnings).toEqual(['the variable GONE is not set: it becomes an empty string']);
    });
  });

  it('suggests the near name of an unknown variable or service', async () => {
    await withProject(files, async (directory) => {
      const { context } = world(directory);
      await expect(explainEnvironment(context, { variable: 'PLIAN' })).rejects.toMatchObject({
        code: 'UNKNOWN_VARIABLE',
        exitCode: 2,
        hint: 'did you mean PLAIN?',
      });
      await expect(explainEnvironment(context, { services: ['apu'] })).rejects.toMatchObject({
        code: 'UNKNOWN_SERVICE',
        exitCode: 2,
        hint: 'did you mean api?',
      });
    });
  });
});

describe('explainEnvironment, compared with what runs', () => {
  const compose = {
    'compose.yaml': `services:
  api:
    image: x
    environment: {SAME: "1", CHANGED: new, ADDED: "1", URL: "http://\${SHELL_HOST}"}
  db: {image: y}
  worker: {image: z}
`,
  };
  const values = (entries: Record<string, string>) =>
    new Map(Object.entries(entries).map(([name, value]) => [name, new Secret(value)] as const));
  const expected = values({ SAME: '1', CHANGED: 'new', ADDED: '1', URL: 'http://here' });
  const actual = values({ SAME: '1', CHANGED: `old-${MARKER}`, REMOVED: MARKER, URL: 'http://there' });
  const running = {
    api: [
      { instance: 'api-1', actual, expected },
      { instance: 'api-2', actual: expected, expected },
    ],
    db: [{ instance: 'pid 7', expected }],
    worker: [],
  };
  const compare = (input: ExplainInput) =>
    withProject(compose, (directory) =>
      explainEnvironment(world(directory, { SHELL_HOST: 'here' }, {}, running).context, {
        live: true,
        ...input,
      }),
    );

  it('tells what each instance has otherwise, and shows no value of it', async () => {
    const { live } = await compare({});
    const hidden = '[redacted]';
    expect(live).toEqual([
      {
        service: 'api',
        instance: 'api-1',
        compared: true,
        stale: [
          { name: 'ADDED', change: 'added', value: null, fromShell: false },
          { name: 'CHANGED', change: 'changed', value: hidden, fromShell: false },
          { name: 'REMOVED', change: 'removed', value: hidden, fromShell: false },
          { name: 'URL', change: 'changed', value: hidden, fromShell: true },
        ],
        next: 'invctl up api',
      },
      { service: 'api', instance: 'api-2', compared: true, stale: [] },
      { service: 'db', instance: 'pid 7', compared: false, stale: [] },
      { service: 'worker', compared: false, stale: [] },
    ]);
  });

  it('shows the values where that is asked for', async () => {
    const { live } = await compare({ showValues: true });
    expect(live?.[0]?.stale.map(({ value }) => value)).toEqual([
      null,
      `old-${MARKER}`,
      MARKER,
      'http://there',
    ]);
  });

  it('tells of one variable alone, also of one that no file has any more', async () => {
    const { variables, live } = await compare({ variable: 'REMOVED', services: ['api'] });
    expect(variables).toEqual([]);
    expect(live?.map(({ stale }) => stale.map(({ name }) => name))).toEqual([['REMOVED'], []]);
    await expect(compare({ variable: 'NOWHERE' })).rejects.toMatchObject({ code: 'UNKNOWN_VARIABLE' });
  });

  it('fails without an engine', async () => {
    await withProject(compose, async (directory) => {
      await expect(explainEnvironment(world(directory).context, { live: true })).rejects.toMatchObject({
        code: 'NO_ENGINE',
        exitCode: 3,
      });
    });
  });
});

describe('diffEnvironment', () => {
  const compose = 'services:\n  web: {image: x, env_file: [{path: app/.env, required: false}]}\n';

  it('tells what a file lacks, adds and never changed', async () => {
    await withProject(
      {
        'compose.yaml': compose,
        'app/.env': 'A=mine\nJWT_SECRET_KEY=change-me\nOWN=1\n',
        'app/.env.example': 'A=1\nB=2\nJWT_SECRET_KEY=change-me\nAPI_TOKEN=\n',
      },
      async (directory) => {
        expect(await diffEnvironment(world(directory).context)).toEqual([
          {
            file: `${directory}/app/.env`,
            example: `${directory}/app/.env.example`,
            absent: false,
            missing: ['B', 'API_TOKEN'],
            extra: ['OWN'],
            placeholders: ['JWT_SECRET_KEY'],
          },
        ]);
      },
    );
  });

  it('tells of a file that is not there, also the .env of the project', async () => {
    await withProject(
      { 'compose.yaml': compose, '.env.example': 'PORT=1\n', 'app/.env.example': 'A=1\n' },
      async (directory) => {
        const differences = await diffEnvironment(world(directory).context);
        expect(differences.map(({ file, absent, missing }) => [file, absent, missing])).toEqual([
          [`${directory}/.env`, true, ['PORT']],
          [`${directory}/app/.env`, true, ['A']],
        ]);
      },
    );
  });

  it.each(['env.example', 'example.env', '.env.sample'])('knows an example by the name %s', async (name) => {
    await withProject({ 'compose.yaml': compose, [name]: 'PORT=1\n', 'app/.env': '' }, async (directory) => {
      const [difference] = await diffEnvironment(world(directory).context);
      expect(difference).toMatchObject({
        file: `${directory}/.env`,
        example: `${directory}/${name}`,
        absent: true,
      });
    });
  });

  it('says nothing of files without an example', async () => {
    await withProject({ 'compose.yaml': compose, '.env': 'A=1\n' }, async (directory) => {
      expect(await diffEnvironment(world(directory).context)).toEqual([]);
    });
  });
});
