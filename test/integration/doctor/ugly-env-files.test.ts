// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { envStatements } from '../../../src/project/env-statements.js';
import { NO_ENGINE, type SickProject, writtenProject } from '../../support/doctor/project.js';

const app = (body: string) => `name: NAME\nservices:\n  app:\n    image: debian:13-slim\n${body}`;

async function withFiles<T>(files: Record<string, string>, use: (project: SickProject) => Promise<T>) {
  const project = await writtenProject(files, NO_ENGINE);
  try {
    return await use(project);
  } finally {
    await project.dispose();
  }
}

/** Outcome and places of a check's findings. */
async function judged(files: Record<string, string>, id: string) {
  return withFiles(files, async (project) => {
    const { checks } = await project.doctor();
    const result = checks.find(({ check }) => check.id === id);
    return {
      outcome: result?.outcome,
      places: result?.findings.map(({ file = '', line }) => `${file.split('/').at(-1)}:${line}`) ?? [],
      text: result?.findings.map(({ message }) => message).join('\n') ?? '',
    };
  });
}

describe('an env file that is made from an ugly example', () => {
  it.each([
    [
      'export',
      'export SECRET_KEY=insecure_key_for_dev\nMODE=dev\n',
      /^export SECRET_KEY=[\w-]{64}\nMODE=dev\n$/,
    ],
    ['a colon', 'SECRET_KEY: changeme\n', /^SECRET_KEY: [\w-]{64}\n$/],
    ['spaces around the sign', 'SECRET_KEY = changeme # why\n', /^SECRET_KEY = [\w-]{64} # why\n$/],
    ['quotes', 'SECRET_KEY="changeme"\nB=1\n', /^SECRET_KEY=[\w-]{64}\nB=1\n$/],
    ['CRLF and a BOM', '\ufeffSECRET_KEY=changeme\r\nB=1\r\n', /^\ufeffSECRET_KEY=[\w-]{64}\r\nB=1\r\n$/],
    [
      'a value of two lines that looks like an assignment',
      'A="x\nSECRET_KEY=changeme"\n',
      /^A="x\nSECRET_KEY=changeme"\n$/,
    ],
    [
      'a name twice',
      'SECRET_KEY=changeme\nSECRET_KEY=changeme\n',
      /^SECRET_KEY=([\w-]{64})\nSECRET_KEY=\1\n$/,
    ],
    [
      'a variable that is demanded',
      'A=${NOWHERE:?}\nSECRET_KEY=changeme\n',
      /^A=\$\{NOWHERE:\?\}\nSECRET_KEY=[\w-]{64}\n$/,
    ],
    ['a mistake', 'A B=1\nSECRET_KEY=changeme\n', /^A B=1\nSECRET_KEY=changeme\n$/],
    ['no line feed', 'B=1\nexport SECRET_KEY=changeme', /^B=1\nexport SECRET_KEY=[\w-]{64}$/],
  ])('%s', async (_case, example, made) => {
    const files = { 'compose.yaml': app('    env_file: .env\n'), '.env.example': example };
    await withFiles(files, async (project) => {
      const { checks } = await project.doctor();
      const missing = checks.find(({ check }) => check.id === 'env.missing');
      expect(missing).toMatchObject({ outcome: 'fail', fixable: true });
      await project.fix({ only: ['env.missing'] });
      expect(readFileSync(join(project.folder, '.env'), 'utf8')).toMatch(made);
    });
  });
});

describe('env.placeholder', () => {
  it.each([
    ['export API_TOKEN_KEY=changeme\n'],
    ['API_TOKEN_KEY: "changeme" # why\n'],
    ['API_TOKEN_KEY = changeme\r\n'],
  ])('mends %j', async (text) => {
    const files = { 'compose.yaml': app('    env_file: a.env\n'), 'a.env': text };
    await withFiles(files, async (project) => {
      const { fixed } = await project.fix({ only: ['env.placeholder'] });
      expect(fixed).toEqual(['env.placeholder']);
      const [statement] = [...envStatements(project.read('a.env'))];
      expect(statement?.text).toMatch(/^[\w-]{64}$/);
    });
  });
});

describe('env.drift', () => {
  const compose = app('    env_file: a.env\n');

  it.each<{ title: string; files: Record<string, string>; outcome: string }>([
    {
      title: 'an example that is in use',
      files: {
        'compose.yaml': app('    env_file: [a.env, example.a.env]\n'),
        'a.env': 'A=1\n',
        'example.a.env': 'B=1\n',
      },
      outcome: 'pass',
    },
    {
      title: 'an example that another profile uses',
      files: {
        'compose.yaml': `${app('    env_file: a.env\n')}  other: {image: x, profiles: [p], env_file: a.env.dist}\n`,
        'a.env': 'A=1\n',
        'a.env.dist': 'B=1\n',
      },
      outcome: 'pass',
    },
    {
      title: 'an example that an include reads',
      files: {
        'compose.yaml': `include: [{path: sub.yaml, env_file: a.env.sample}]\n${compose}`,
        'sub.yaml': 'services: {b: {image: "debian:13-slim"}}\n',
        'a.env': 'A=1\n',
        'a.env.sample': 'B=1\n',
      },
      outcome: 'pass',
    },
    {
      title: 'the second example, where the first is in use',
      files: {
        'compose.yaml': app('    env_file: [a.env, a.env.example]\n'),
        'a.env': 'A=1\n',
        'a.env.example': 'B=1\n',
        'a.env.sample': 'C=1\n',
      },
      outcome: 'warn',
    },
    {
      title: 'a bare name in both',
      files: { 'compose.yaml': compose, 'a.env': 'HOME_OF_IT\n', 'a.env.example': 'HOME_OF_IT\n' },
      outcome: 'pass',
    },
    {
      title: 'a line of a value that looks like an assignment',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\n', 'a.env.example': 'A="x\nB=2\n"\n' },
      outcome: 'pass',
    },
    {
      title: 'an example with a mistake',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\n', 'a.env.example': 'A=1\nB C=2\n' },
      outcome: 'pass',
    },
    {
      title: 'a name that only the example exports',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\n', 'a.env.example': 'A=1\nexport B=2\n' },
      outcome: 'warn',
    },
  ])('$title: $outcome', async ({ files, outcome }) => {
    expect(await judged(files, 'env.drift')).toMatchObject({ outcome });
  });

  it('adds a value of several lines whole', async () => {
    const files = {
      'compose.yaml': compose,
      'a.env': 'A=1\n',
      'a.env.example': '# why\nKEY="one\nA=2\n"\nA=1\n',
    };
    await withFiles(files, async (project) => {
      await project.fix({ only: ['env.drift'] });
      expect(project.read('a.env')).toBe('A=1\n\n# why\nKEY="one\nA=2\n"\n');
    });
  });
});

describe('env.syntax', () => {
  const compose = app('    env_file: a.env\n');

  it.each<{ title: string; files: Record<string, string>; places: string[]; outcome?: string }>([
    {
      title: 'a bare last line',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\n\nB' },
      places: ['a.env:3'],
    },
    {
      title: 'a bare last line with export and CR',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\r\nexport B\r' },
      places: ['a.env:2'],
    },
    {
      title: 'a value without a name',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\n=x\n' },
      places: ['a.env:2'],
    },
    {
      title: 'more behind a closing quote',
      files: { 'compose.yaml': compose, 'a.env': 'A="1"=x\n' },
      places: ['a.env:1'],
    },
    {
      title: 'an entry of environment',
      files: { 'compose.yaml': app('    environment:\n      - A=1\n      - "=x"\n') },
      places: ['compose.yaml:7'],
    },
    {
      title: 'one of two env files',
      files: { 'compose.yaml': app('    env_file: [a.env, b.env]\n'), 'a.env': 'A', 'b.env': 'B=1\n' },
      places: ['a.env:1'],
    },
    {
      title: 'a bare last line of .env',
      files: { 'compose.yaml': app(''), '.env': 'A=1\nB' },
      places: ['.env:2'],
    },
    {
      title: 'a comment for a value',
      outcome: 'warn',
      files: { 'compose.yaml': compose, 'a.env': 'A=  # note\nB=\t#note\nC: # x\nD=# x\n' },
      places: ['a.env:1', 'a.env:2', 'a.env:3', 'a.env:4'],
    },
    {
      title: 'a comment behind a tab',
      outcome: 'warn',
      files: { 'compose.yaml': compose, 'a.env': 'A=1\t# note\n' },
      places: ['a.env:1'],
    },
    {
      title: 'what begins with a # and is none',
      outcome: 'pass',
      files: { 'compose.yaml': compose, 'a.env': 'A=#fff\nB="# x"\nC=a#b\nD=1 # note\nE=\n# F= # x\n' },
      places: [],
    },
    {
      title: 'a bare name that a line feed follows',
      outcome: 'pass',
      files: { 'compose.yaml': compose, 'a.env': 'A\n' },
      places: [],
    },
  ])('$title', async ({ files, places, outcome = 'fail' }) => {
    expect(await judged(files, 'env.syntax')).toMatchObject({ outcome, places });
  });
});

describe('the place of a variable that is not set', () => {
  it('is the env file, where the compose file that lists it has an environment of its own', async () => {
    const files = {
      'compose.yaml': 'name: NAME\ninclude:\n  - {path: sub/compose.yaml, env_file: vars.env}\n',
      'sub/compose.yaml':
        'services:\n  app:\n    image: debian:13-slim\n    environment: {C1: "${COLOUR}"}\n    env_file: svc.env\n',
      'sub/svc.env': 'A=1\nC2=${COLOUR}\n',
      'vars.env': 'COLOUR=green\n',
    };
    expect(await judged(files, 'env.required')).toMatchObject({ places: ['svc.env:2'] });
  });

  it('is the line before the name is set, and no line behind it', async () => {
    const files = {
      'compose.yaml': app('    env_file: a.env\n'),
      'a.env': 'C=${COLOUR}\nCOLOUR=red\nD=${COLOUR}\n',
    };
    expect(await judged(files, 'env.required')).toMatchObject({ places: ['a.env:1'] });
  });

  it('is a line within a value of several', async () => {
    const files = {
      'compose.yaml': app('    env_file: a.env\n'),
      'a.env': 'C="one\ntwo ${COLOUR}\n"\nD=1\n',
    };
    expect(await judged(files, 'env.required')).toMatchObject({ places: ['a.env:2'] });
  });
});

describe('env.shell-wins', () => {
  it('says that the docker client has a name of its own', async () => {
    const files = {
      'compose.yaml': app('    environment: [OTEL_RESOURCE_ATTRIBUTES]\n'),
      '.env': 'A=1\nOTEL_RESOURCE_ATTRIBUTES=service=shop\n',
    };
    const { outcome, places, text } = await judged(files, 'env.shell-wins');
    expect({ outcome, places }).toEqual({ outcome: 'warn', places: ['.env:2'] });
    expect(text).toContain('the docker client gives Compose its own OTEL_RESOURCE_ATTRIBUTES');
  });

  it('survives a name that means something to a regular expression', async () => {
    const files = { 'compose.yaml': app(''), '.env': 'L[=1\n' };
    expect(await judged(files, 'env.shell-wins')).toMatchObject({ outcome: 'pass' });
  });
});

describe('an inline Dockerfile', () => {
  it('is read in place of the folder’s, and its lines are those of the compose file', async () => {
    const files = {
      'compose.yaml':
        'name: NAME\nservices:\n  app:\n    build:\n      dockerfile_inline: |\n        FROM debian\n        USER 1000\n',
      Dockerfile: 'FROM node\nUSER root\n',
    };
    const found = await judged(files, 'sec.image');
    expect(found).toMatchObject({ places: ['compose.yaml:6'] });
    expect(found.text).toContain('debian');
    expect(await judged(files, 'sec.user')).toMatchObject({ places: [] });
  });
});
