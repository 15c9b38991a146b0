import { describe, expect, it } from 'vitest';
import { diagnosisText } from '../../../src/commands/doctor/text.js';
import { check as runsAsRoot } from '../../../src/doctor/checks/security/sec.user.js';
import type { Facts } from '../../../src/doctor/facts.js';
import { createStyle } from '../../../src/output/style.js';
import type { DoctorResult } from '../../../src/services/doctor.js';
import { NO_ENGINE, writtenProject } from '../../support/doctor/project.js';

async function examined<T>(files: Record<string, string>, read: (result: DoctorResult) => T): Promise<T> {
  const project = await writtenProject(files, NO_ENGINE);
  try {
    return read(await project.doctor());
  } finally {
    await project.dispose();
  }
}

const foundBy =
  (id: string) =>
  ({ checks }: DoctorResult) => {
    const result = checks.find(({ check }) => check.id === id);
    return {
      outcome: result?.outcome,
      found: result?.findings.map(({ message, line }) => `${line ?? ''} ${message}`.trim()) ?? [],
    };
  };

const causes = ({ rootCauses }: DoctorResult) => rootCauses.filter((id) => id !== 'engine.unreachable');
const textOf = (columns: number) => (result: DoctorResult) =>
  diagnosisText(result, createStyle(false), columns);

const DATABASE = `  store:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: "\${STORE_PW:-x}" }
`;

describe('localhost out of an env file that services share', () => {
  const project = (tester: string) => ({
    'compose.yaml': `name: NAME
services:
${DATABASE}  shop:
    image: example/shop:1
    env_file: local.env
    environment: { POSTGRES_SERVER: store }
    depends_on: [store]
  tester:
    image: example/tester:1
    env_file: local.env
${tester}`,
    'local.env': 'POSTGRES_SERVER=localhost\n',
  });

  it('is a warning for one that may have no use for the database', async () => {
    expect(await examined(project('    depends_on: [shop]\n'), foundBy('db.localhost'))).toEqual({
      outcome: 'warn',
      found: ['1 POSTGRES_SERVER of "tester" is localhost, but the database is the service "store"'],
    });
  });

  it.each([
    ['depends on the database', '    depends_on: [store]\n'],
    ['says localhost itself', '    environment: { POSTGRES_SERVER: localhost }\n'],
  ])('is a failure for one that %s', async (_, keys) => {
    expect(await examined(project(keys), ({ rootCauses }) => rootCauses[0])).toBe('db.localhost');
  });
});

describe("one .env for the compose file's ports and for the app", () => {
  const project = (env: string, keys = '') => ({
    'compose.yaml': `name: NAME
services:
  store:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: "\${STORE_PW:-x}" }
    ports: ["127.0.0.1:54329:5432"]
  shop:
    image: example/shop:1
    env_file: .env
    depends_on: [store]
${keys}`,
    '.env': `${env}\n`,
  });
  const url = `    environment: { DATABASE_URL: "postgres://postgres:x@store:5432/shop" }\n`;

  it.each([
    ['db.localhost', 'PGHOST=127.0.0.1'],
    ['db.port', 'SHOP_URL=postgres://postgres:x@store:54329/shop'],
  ])(
    '%s is a failure where the app has nothing else, and a warning beside a URL that is right',
    async (id, env) => {
      expect((await examined(project(env), foundBy(id))).outcome).toBe('fail');
      const sick = await writtenProject(project(env, url), NO_ENGINE);
      try {
        expect(foundBy(id)(await sick.doctor()).outcome).toBe('warn');
        const before = sick.read('compose.yaml');
        await sick.fix({ only: [id] });
        expect(sick.read('compose.yaml')).toBe(before);
      } finally {
        await sick.dispose();
      }
    },
  );
});

it('a secret that holds a name may be short, one that holds a password may not', async () => {
  const secret = (name: string) => `  ${name}: { file: ./${name}.txt }\n`;
  const files = {
    'compose.yaml': `name: NAME
services:
  store:
    image: postgres:16
    environment:
      POSTGRES_USER_FILE: /run/secrets/who
      POSTGRES_DB_FILE: /run/secrets/where
      POSTGRES_PASSWORD_FILE: /run/secrets/pass
    secrets: [who, { source: base, target: where }, pass]
secrets:
${secret('who')}${secret('base')}${secret('pass')}`,
    'who.txt': 'ann',
    'base.txt': 'shop',
    'pass.txt': 'k3Jx9',
  };
  expect((await examined(files, foundBy('secret.weak'))).found).toEqual([
    'the secret "pass" has fewer than 12 characters',
  ]);
});

describe('a .env that was not made from its example', () => {
  const refused = `name: NAME
services:
  web:
    image: example/web:1
    volumes: ["\${DATA_DIR}:/data"]
`;

  it.each(['.env.example', 'env.sample', 'example.env'])(
    'is the cause where Compose refuses what is left of a mount (%s)',
    async (example) => {
      const files = { 'compose.yaml': refused, [example]: 'DATA_DIR=./data\n' };
      expect(await examined(files, causes)).toEqual(['env.missing']);
    },
  );

  it('is the unset variable where there is no example', async () => {
    const files = { 'compose.yaml': refused };
    expect(await examined(files, causes)).toEqual(['env.required']);
    expect(await examined(files, textOf(Number.POSITIVE_INFINITY))).toMatch(
      /^✗ compose\.yaml:5: \$\{DATA_DIR} is not set.*\n.*set DATA_DIR in \.env.*\n.*Compose refuses what is left: .*mount/,
    );
  });

  it('is told with the first of many names', async () => {
    const names = Array.from({ length: 9 }, (_, index) => `KEY_${index}`);
    const files = {
      'compose.yaml': `name: NAME\nservices:\n  web:\n    image: example/web:1\n    environment:\n${names.map((name) => `      - ${name}=\${${name}}\n`).join('')}`,
      '.env.example': names.map((name) => `${name}=1\n`).join(''),
    };
    const { found } = await examined(files, foundBy('env.missing'));
    expect(found[0]).toContain('KEY_0, KEY_1, KEY_2, KEY_3, KEY_4 and 4 more of the compose file');
  });
});

describe('a variable without braces that is not set', () => {
  const web = (keys: string) => ({
    'compose.yaml': `name: NAME\nservices:\n  web:\n    image: example/web:1\n${keys}`,
  });

  it.each([
    ['is a whole value', '    hostname: $WEB_TITLE\n'],
    ['begins a port', '    ports: \n      - "$WEB_TITLE:80"\n'],
    [
      'is written in braces elsewhere',
      `    environment: { A: "http://x:$WEB_TITLE", B: "\${WEB_TITLE:-1}" }\n`,
    ],
  ])('is a forgotten variable where it %s', async (_, keys) => {
    const result = await examined(web(keys), (one) => [
      foundBy('env.required')(one),
      foundBy('env.dollar')(one),
    ]);
    expect(result[0]?.outcome).toBe('warn');
    expect(result[0]?.found).toHaveLength(1);
    expect(result[1]?.outcome).toBe('pass');
  });

  it.each([
    ['within a command', '    command: sh -c "echo $WEB_TITLE"\n', 'warn'],
    ['within a password', '    environment: { WEB_PASSWORD: pa$WEB_TITLE }\n', 'fail'],
    ['at the start of a password', '    environment:\n      WEB_PASSWORD: $WEB_TITLE\n', 'fail'],
  ])('is an eaten dollar %s', async (_, keys, outcome) => {
    expect(await examined(web(keys), foundBy('env.dollar'))).toMatchObject({ outcome });
    expect((await examined(web(keys), foundBy('env.required'))).found).toEqual([]);
  });

  it('is found in an included file, and not in a remark', async () => {
    const files = {
      'compose.yaml': 'name: NAME\ninclude: [parts/web.yaml]\n',
      'parts/web.yaml': `services:\n  web:\n    image: example/web:1 # or \${WEB_TAG}\n    hostname: "\${WEB_TAG}"\n`,
    };
    expect((await examined(files, foundBy('env.required'))).found).toEqual([
      '4 ${WEB_TAG} is not set: it becomes an empty string',
    ]);
  });
});

describe('keys that an env file lacks', () => {
  const files = (example: string) => ({
    'compose.yaml': 'name: NAME\nservices: { web: { image: "example/web:1", env_file: .env } }\n',
    '.env': 'MODE=1\n',
    '.env.example': `MODE=1\n${example}`,
  });
  it('are information where the example has no value for them either', async () => {
    expect(await examined(files('MAIL_HOST=\nMAIL_USER=\n'), foundBy('env.drift'))).toMatchObject({
      outcome: 'info',
    });
    expect(await examined(files('MAIL_HOST=\nMAIL_PORT=25\n'), foundBy('env.drift'))).toMatchObject({
      outcome: 'warn',
    });
  });
});

describe('the text of many findings', () => {
  const files = {
    'compose.yaml': `name: NAME
x-app: &app
  image: example/app:latest
services:
${['one', 'two', 'three', 'four'].map((name) => `  ${name}: { <<: *app }\n`).join('')}${[
  'five',
  'six',
  'seven',
  'eight',
]
  .map((name) => `  ${name}:\n    image: example/${name}:latest\n`)
  .join('')}`,
  };

  it('says once what an anchor gives to several services, and once why it matters', async () => {
    const text = await examined(files, textOf(80));
    expect(text).toContain('"one" is not pinned');
    expect(text.replace(/\s+/g, ' ')).toContain('("two", "three", "four" too)');
    expect(text.match(/another stack tomorrow/g)).toHaveLength(1);
    expect(text).toContain('… and 2 more: invctl doctor --only sec.image');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('ends with the command that mends what can be mended', async () => {
    const file = `name: NAME\nservices:\n${DATABASE}    ports: ["54329:5432"]\n`;
    const text = await examined({ 'compose.yaml': file }, textOf(80));
    expect(text.split('\n').at(-1)).toBe('next: invctl doctor --fix      (fixes db.published)');
    expect(await examined(files, textOf(80))).not.toContain('--fix');
  });

  it('says all of it where one check is asked for', async () => {
    const project = await writtenProject(files, NO_ENGINE);
    try {
      const text = textOf(80)(await project.doctor({ only: ['sec.image'] }));
      expect(text).toContain('example/eight:latest');
      expect(text).not.toContain('more:');
    } finally {
      await project.dispose();
    }
  });
});

describe('a database whose password is empty', () => {
  const compose = (value: string) => ({
    'compose.yaml': `name: NAME\ninclude: [parts/store.yaml]\n`,
    'parts/store.yaml': `services:\n  store:\n    image: postgres:16\n    environment:\n      - POSTGRES_PASSWORD=${value}\n`,
  });
  const told = (value: string) =>
    examined(
      compose(value),
      ({ checks }) => checks.find(({ check }) => check.id === 'db.uninitialised')?.findings,
    );

  it('is told which variable has no value, and where it is written', async () => {
    expect(await told(`\${STORE_PW}`)).toMatchObject([
      {
        message: expect.stringMatching(/is empty, since STORE_PW has no value$/),
        next: 'set STORE_PW in .env',
        line: 5,
      },
    ]);
  });

  it('is told the line where nothing was written', async () => {
    expect(await told('')).toMatchObject([
      {
        message: expect.stringMatching(/"store" is empty$/),
        next: 'set POSTGRES_PASSWORD in parts/store.yaml',
        line: 5,
      },
    ]);
  });
});

describe('a secret that became a folder', () => {
  const files = {
    'compose.yaml': `name: NAME
services:
  web: { image: "example/web:1", secrets: [token] }
secrets: { token: { file: ./token.txt } }
`,
    'token.txt/.keep': '',
  };
  it("is no reason to write a scaffold into somebody else's project", async () => {
    const text = await examined(files, textOf(80));
    expect(text).toContain('look into token.txt');
    expect(text).not.toMatch(/rmdir|doctor --fix/);
    expect(text).not.toContain('invctl init');
  });
});

describe('an image that was built here and names no user', () => {
  it.each([
    ['docker.io/postgres:16', 0],
    ['registry.example.com/base:1', 1],
  ])('on top of %s: %i finding', async (base, findings) => {
    const project = await writtenProject({ Dockerfile: `FROM ${base}\n` }, NO_ENGINE);
    try {
      const facts = {
        project: { name: 'p', services: { store: { name: 'store', build: { context: project.folder } } } },
        reading: { location: { files: ['compose.yaml'] } },
        survey: () =>
          Promise.resolve({
            info: () => Promise.resolve({}),
            images: () => Promise.resolve(new Map([['p-store', { Config: { User: '' } }]])),
          }),
      } as unknown as Facts;
      expect(await runsAsRoot.probe(facts)).toHaveLength(findings);
    } finally {
      await project.dispose();
    }
  });
});
