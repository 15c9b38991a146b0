// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { describe, expect, it } from 'vitest';
import {
  type OtherSources,
  type ServiceVariable,
  serviceVariables,
} from '../../../src/project/environment.js';
import { loadProject } from '../../../src/project/loaded-project.js';
import { locateProject } from '../../../src/project/locate.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

async function variablesOf(
  files: Record<string, string>,
  others: OtherSources = {},
  shell: Record<string, string> = {},
): Promise<{ variables: Record<string, ServiceVariable>; warnings: string[] }> {
  return withProject(files, (directory) => {
    const env = bareShell(shell);
    const warnings: string[] = [];
    const project = loadProject(locateProject(directory, env), env);
    const variables = serviceVariables(project, 'web', (warning) => warnings.push(warning), others);
    const relative = JSON.stringify(Object.fromEntries(variables)).replaceAll(`${directory}/`, '');
    return { variables: JSON.parse(relative), warnings: [...project.notes.warnings, ...warnings] };
  });
}

const compose = (body: string) => `services:\n  web:\n    image: x\n${body}`;

describe('the sources of a variable', () => {
  it('are run, environment, env_file and image, in this order, each with its line', async () => {
    const { variables } = await variablesOf(
      {
        'compose.yaml': compose(
          '    environment:\n      A: from environment\n    env_file:\n      - one.env\n      - two.env\n',
        ),
        'one.env': '# first\nA=from one\n',
        'two.env': '\n\nA=from two\n',
      },
      { image: { A: 'from image' }, run: ['A=from run'] },
    );
    expect(variables.A?.sources).toEqual([
      { kind: 'run', value: 'from run', interpolated: [] },
      {
        kind: 'environment',
        value: 'from environment',
        at: { file: 'compose.yaml', line: 5 },
        interpolated: [],
      },
      { kind: 'env_file', value: 'from two', at: { file: 'two.env', line: 3 }, interpolated: [] },
      { kind: 'env_file', value: 'from one', at: { file: 'one.env', line: 2 }, interpolated: [] },
      { kind: 'image', value: 'from image', interpolated: [] },
    ]);
  });

  it('show what an override file and a later list entry replaced', async () => {
    const { variables } = await variablesOf({
      'compose.yaml': compose('    environment:\n      - A=1\n      - A=2\n'),
      'compose.override.yaml': 'services:\n  web:\n    environment: {A: 3}\n',
    });
    expect(variables.A?.sources.map(({ value, at }) => [value, at])).toEqual([
      ['3', { file: 'compose.override.yaml', line: 3 }],
      ['2', { file: 'compose.yaml', line: 6 }],
      ['1', { file: 'compose.yaml', line: 5 }],
    ]);
  });

  it('keep a bare name that unsets above what it shadows', async () => {
    const { variables } = await variablesOf(
      { 'compose.yaml': compose('    environment: [A]\n    env_file: a.env\n'), 'a.env': 'A=file\n' },
      { image: { A: 'image' } },
    );
    expect(variables.A?.sources.map(({ kind, value }) => [kind, value])).toEqual([
      ['environment', null],
      ['env_file', 'file'],
      ['image', 'image'],
    ]);
  });

  it('follow two assignments in one env file', async () => {
    const { variables } = await variablesOf({
      'compose.yaml': compose('    env_file: a.env\n'),
      'a.env': 'A=1\nA=2\n',
    });
    expect(variables.A?.sources.map(({ value, at }) => [value, at?.line])).toEqual([
      ['2', 2],
      ['1', 1],
    ]);
  });
});

describe('what run -e sets', () => {
  const files = { 'compose.yaml': compose('    environment: {A: 1}\n'), '.env': 'A=dot\nB=dot\n' };

  it('is the value, also an empty one', async () => {
    const { variables } = await variablesOf(files, { run: ['A=x=y', 'NEW='] });
    expect(variables.A?.sources[0]).toMatchObject({ kind: 'run', value: 'x=y' });
    expect(variables.NEW?.sources).toEqual([{ kind: 'run', value: '', interpolated: [] }]);
  });

  it('is the project environment for a bare name, and nothing where that has none', async () => {
    const { variables } = await variablesOf(files, { run: ['B', 'NOWHERE'] });
    expect(variables.B?.sources[0]).toMatchObject({
      kind: 'run',
      value: 'dot',
      interpolated: [{ name: 'B', origin: { kind: 'dotenv', at: { file: '.env', line: 2 } } }],
    });
    expect(variables).not.toHaveProperty('NOWHERE');
  });
});

describe('what took part in a value', () => {
  it('names the shell, the line of .env, the env file and what is not set', async () => {
    const { variables, warnings } = await variablesOf(
      {
        'compose.yaml': compose(
          '    environment: {A: "${SHELL_ONE} ${DOT:-x} ${NOWHERE:-d} ${GONE}", BARE: }\n    env_file: [a.env, b.env]\n',
        ),
        '.env': '# note\nDOT=1\nBARE=dot\n',
        'a.env': 'OWN=1\nB=${OWN} ${DOT}\n',
        'b.env': 'C=${B}\n',
      },
      {},
      { SHELL_ONE: 's' },
    );
    const dot = { kind: 'dotenv', at: { file: '.env', line: 2 } };
    expect(variables.A?.sources[0].interpolated).toEqual([
      { name: 'SHELL_ONE', value: 's', origin: { kind: 'shell' } },
      { name: 'DOT', value: '1', origin: dot },
      { name: 'NOWHERE', value: null, origin: { kind: 'unset' } },
      { name: 'GONE', value: null, origin: { kind: 'unset' } },
    ]);
    expect(variables.BARE?.sources[0].interpolated).toEqual([
      { name: 'BARE', value: 'dot', origin: { kind: 'dotenv', at: { file: '.env', line: 3 } } },
    ]);
    expect(variables.B?.sources[0].interpolated).toEqual([
      { name: 'OWN', value: '1', origin: { kind: 'env_file' } },
      { name: 'DOT', value: '1', origin: dot },
    ]);
    expect(variables.C?.sources[0].interpolated).toEqual([
      { name: 'B', value: '1 1', origin: { kind: 'env_file' } },
    ]);
    expect(warnings).toEqual(['the variable GONE is not set: it becomes an empty string']);
  });

  it('is COMPOSE_PROJECT_NAME, which Compose sets', async () => {
    const { variables } = await variablesOf({
      'compose.yaml': compose('    environment: {A: "${COMPOSE_PROJECT_NAME}"}\n'),
    });
    expect(variables.A?.sources[0].interpolated).toEqual([
      { name: 'COMPOSE_PROJECT_NAME', value: 'shop', origin: { kind: 'compose' } },
    ]);
  });
});
