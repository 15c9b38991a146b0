// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateProject } from '../../../src/project/locate.js';
import { minimalServices, projectNames } from '../../support/project/project-names.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

async function located(files: Record<string, string>, from = '', shell: Record<string, string> = {}) {
  return withProject(files, (directory) => {
    const location = locateProject(join(directory, from), bareShell(shell));
    const strip = (path: string) => path.replace(directory, '').replace(/^\//, '');
    return {
      name: location.name,
      directory: strip(location.directory),
      files: location.files.map(strip),
      explicitFiles: location.explicitFiles,
      envFiles: location.envFiles.map(strip),
      stateFolder: strip(location.stateFolder),
    };
  });
}

describe('the files of a project', () => {
  it('are the first name that is there, and the first override', async () => {
    const files = {
      'docker-compose.yml': minimalServices,
      'compose.yml': minimalServices,
      'compose.yaml': minimalServices,
      'docker-compose.override.yml': minimalServices,
      'compose.override.yaml': minimalServices,
    };
    expect(await located(files)).toEqual({
      name: 'shop',
      directory: '',
      files: ['compose.yaml', 'compose.override.yaml'],
      explicitFiles: false,
      envFiles: [],
      stateFolder: '.invctl',
    });
  });

  it('are those of the nearest folder above, with its .env alone', async () => {
    const files = {
      'compose.yaml': minimalServices,
      '.env': 'A=1\n',
      'a/b/.env': 'COMPOSE_PROJECT_NAME=inner\n',
    };
    expect(await located(files, 'a/b')).toMatchObject({ name: 'shop', directory: '', envFiles: ['.env'] });
  });

  it('are those of COMPOSE_FILE in .env, with the .env of their folder beneath', async () => {
    const files = {
      '.env': 'COMPOSE_FILE=deep/one.yaml:two.yaml\n',
      'deep/one.yaml': minimalServices,
      'deep/.env': 'A=1\n',
      'two.yaml': minimalServices,
    };
    expect(await located(files)).toEqual({
      name: 'deep',
      directory: 'deep',
      files: ['deep/one.yaml', 'two.yaml'],
      explicitFiles: true,
      envFiles: ['deep/.env', '.env'],
      stateFolder: 'deep/.invctl',
    });
  });

  it('may be separated by COMPOSE_PATH_SEPARATOR', async () => {
    const shell = { COMPOSE_FILE: 'b.yaml,a.yaml', COMPOSE_PATH_SEPARATOR: ',' };
    const found = await located({ 'a.yaml': minimalServices, 'b.yaml': minimalServices }, '', shell);
    expect(found.files).toEqual(['b.yaml', 'a.yaml']);
  });

  it('are an error where there are none', async () => {
    await expect(located({ 'readme.md': '' }, '.')).rejects.toMatchObject({
      code: 'NO_PROJECT',
      exitCode: 4,
    });
    await expect(located({ file: '' }, 'file')).rejects.toMatchObject({ code: 'NO_PROJECT' });
    await expect(located({}, 'nowhere')).rejects.toMatchObject({ code: 'NO_PROJECT' });
  });
});

describe('the name of a project', () => {
  it.each(projectNames)('in %j is %s', async (text, expected) => {
    const found = await located({ 'compose.yaml': `${text}${minimalServices}`, '.env': 'DOT=from-dot\n' });
    expect(found.name).toBe(expected);
  });

  it('is read from JSON too', async () => {
    expect(await located({ 'compose.yaml': '{"services": {}, "name": "jsony"}' })).toMatchObject({
      name: 'jsony',
    });
  });

  it('is that of the last file that has one', async () => {
    const files = { 'compose.yaml': 'name: one\n', 'compose.override.yml': 'name: two\n' };
    expect(await located(files)).toMatchObject({ name: 'two' });
  });

  it('is COMPOSE_PROJECT_NAME before all, the shell before .env', async () => {
    const files = { 'compose.yaml': 'name: file\n', '.env': 'export COMPOSE_PROJECT_NAME="dot" # note\n' };
    expect(await located(files)).toMatchObject({ name: 'dot' });
    expect(await located(files, '', { COMPOSE_PROJECT_NAME: 'shell' })).toMatchObject({ name: 'shell' });
    expect(await located(files, '', { COMPOSE_PROJECT_NAME: '' })).toMatchObject({ name: 'file' });
  });

  it('tells the requirement that it does not meet', async () => {
    await expect(located({ 'compose.yaml': 'name: ${X:?choose a name}\n' })).rejects.toMatchObject({
      code: 'VARIABLE_REQUIRED',
      exitCode: 4,
    });
  });
});
