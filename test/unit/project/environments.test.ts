// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { assertNoEnvironmentNeeded, chooseEnvironment } from '../../../src/project/environments.js';
import { locateProject } from '../../../src/project/locate.js';
import { readSettings } from '../../../src/project/settings-file.js';
import { minimalServices } from '../../support/project/project-names.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

const two = `environments:
  staging: {}
  production:
    files: [compose.yaml, compose.production.yaml]
    envFile: .env.production
    protected: true
`;
const shop = {
  'compose.yaml': `name: shop\n${minimalServices}`,
  'compose.override.yaml': minimalServices,
  'compose.production.yaml': minimalServices,
  '.env': 'A=1\n',
  '.env.production': 'A=2\n',
  'invctl.yaml': two,
};

/** The project of an environment, paths relative to its folder; or what is wrong with the choice. */
async function chosen(
  files: Record<string, string>,
  name: string,
  { shell = {}, from = '' }: { shell?: Record<string, string>; from?: string } = {},
) {
  return withProject(files, async (directory) => {
    const strip = (path: string) => path.replaceAll(directory, '').replaceAll(/^\//g, '');
    const env = bareShell(shell);
    try {
      const environment = await chooseEnvironment(join(directory, from), env, name);
      const location = locateProject(
        join(directory, from),
        { ...env, ...environment.variables },
        environment,
      );
      return {
        name: location.name,
        files: location.files.map(strip),
        envFiles: location.envFiles.map(strip),
        stateFolder: strip(location.stateFolder),
        environment: location.environment?.name,
        protected: location.environment?.protected,
        backups: (await readSettings(location)).backup.folder,
        variables: environment.variables,
      };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { code, exitCode, message, hint, line } = error;
      return { code, exitCode, message: message.replaceAll(`${directory}/`, ''), hint, line };
    }
  });
}

const nameOf = async (files: Record<string, string>, name: string, shell = {}) =>
  (await chosen(files, name, { shell })).name;

describe('an environment', () => {
  it('has files, an env file, a name, a state folder and backups of its own', async () => {
    expect(await chosen(shop, 'production')).toMatchObject({
      name: 'shop-production',
      files: ['compose.yaml', 'compose.production.yaml'],
      envFiles: ['.env.production'],
      stateFolder: '.invctl/environments/production',
      environment: 'production',
      protected: true,
      backups: 'backups/production',
    });
  });

  it('is what Compose takes by itself, but for what it says', async () => {
    expect(await chosen(shop, 'staging')).toMatchObject({
      name: 'shop-staging',
      files: ['compose.yaml', 'compose.override.yaml'],
      envFiles: ['.env'],
      stateFolder: '.invctl/environments/staging',
      protected: false,
    });
  });

  it('is found from a folder below', async () => {
    const files = { ...shop, 'a/b/c.txt': '' };
    expect(await chosen(files, 'production', { from: 'a/b' })).toMatchObject({
      name: 'shop-production',
      files: ['compose.yaml', 'compose.production.yaml'],
    });
  });

  it('takes several env files, a later one over an earlier one', async () => {
    const yaml = 'environments: {p: {envFile: [.env, .env.production]}}\n';
    const found = await chosen({ ...shop, 'invctl.yaml': yaml }, 'p');
    expect(found).toMatchObject({ envFiles: ['.env', '.env.production'] });
  });

  it('takes files with odd names', async () => {
    const yaml = 'environments: {p: {files: ["compose.yaml", "a:b c;é.yaml"]}}\n';
    const found = await chosen({ ...shop, 'a:b c;é.yaml': minimalServices, 'invctl.yaml': yaml }, 'p');
    expect(found).toMatchObject({ files: ['compose.yaml', 'a:b c;é.yaml'] });
  });

  it('tells the docker client of its context', async () => {
    const yaml = 'environments: {p: {context: prod-host}}\n';
    const shell = { DOCKER_HOST: '' };
    const found = await chosen({ ...shop, 'invctl.yaml': yaml }, 'p', { shell });
    expect(found.variables).toMatchObject({ DOCKER_CONTEXT: 'prod-host', INVCTL_ENVIRONMENT: 'p' });
  });
});

describe("an environment's project is called", () => {
  const named = (yaml: string) => ({ ...shop, 'invctl.yaml': `environments: ${yaml}\n` });

  it('as invctl.yaml says', async () => {
    expect(await nameOf(named('{p: {project: live}}'), 'p')).toBe('live');
  });

  it('as its env file says', async () => {
    const files = { ...shop, '.env.production': 'COMPOSE_PROJECT_NAME=live\n' };
    expect(await nameOf(files, 'production')).toBe('live');
  });

  it('as its compose file says', async () => {
    const files = { ...shop, 'compose.production.yaml': `name: live\n${minimalServices}` };
    expect(await nameOf(files, 'production')).toBe('live');
  });

  it('as its values make the name', async () => {
    const files = {
      ...shop,
      'compose.yaml': `name: shop-\${STAGE:-dev}\n${minimalServices}`,
      '.env.production': 'STAGE=live\n',
    };
    expect(await nameOf(files, 'production')).toBe('shop-live');
    expect(await nameOf(files, 'staging')).toBe('shop-dev-staging');
  });

  it('else as the project and the environment, whatever names the project', async () => {
    expect(await nameOf({ ...shop, '.env': 'COMPOSE_PROJECT_NAME=foo\n' }, 'production')).toBe(
      'foo-production',
    );
    expect(await nameOf({ ...shop, '.env': 'COMPOSE_PROJECT_NAME=foo\n' }, 'staging')).toBe('foo-staging');
    expect(await nameOf({ ...shop, 'compose.yaml': minimalServices }, 'production')).toMatch(/.-production$/);
  });

  it('the same once more for an invctl that one of its own programs starts', async () => {
    const shell = (await chosen(shop, 'production')).variables as Record<string, string>;
    expect(shell.COMPOSE_PROJECT_NAME).toBe('shop-production');
    expect(await nameOf(shop, 'production', { COMPOSE_PROJECT_NAME: 'shop-production' })).toBe(
      'shop-production',
    );
  });
});

describe('refused is', () => {
  it('a name that invctl.yaml does not declare, with those that it does', async () => {
    expect(await chosen(shop, 'prodution')).toMatchObject({
      exitCode: 2,
      message: 'there is no environment "prodution"; invctl.yaml declares staging, production',
      hint: 'did you mean production?',
    });
    expect(await chosen({ 'compose.yaml': minimalServices }, 'production')).toMatchObject({
      exitCode: 2,
      hint: 'invctl init --environment production',
    });
    for (const name of ['constructor', '__proto__', '../x', 'prod eu']) {
      expect(await chosen(shop, name)).toMatchObject({ exitCode: 2 });
    }
  });

  it.each(['Production', 'prod.eu', 'prod eu', 'prød', '生産', '../x', '-x', '""'])(
    'to declare an environment %s',
    async (name) => {
      const yaml = `environments:\n  ok: {}\n  ${JSON.stringify(name.replaceAll('"', ''))}: {}\n`;
      expect(await chosen({ ...shop, 'invctl.yaml': yaml }, 'ok')).toMatchObject({
        code: 'CONFIG_INVALID',
        exitCode: 4,
        line: 3,
        message: expect.stringContaining('not a name for an environment: lower-case letters, digits'),
      });
    },
  );

  it('what is no key of an environment, with its line', async () => {
    const yaml = 'environments:\n  p:\n    envfile: .env\n';
    expect(await chosen({ ...shop, 'invctl.yaml': yaml }, 'p')).toMatchObject({
      code: 'CONFIG_INVALID',
      line: 3,
      message: expect.stringContaining('did you mean envFile?'),
    });
  });

  it('a file that is not there, with what makes it', async () => {
    const { 'compose.production.yaml': _, ...noOverlay } = shop;
    expect(await chosen(noOverlay, 'production')).toMatchObject({
      code: 'ENVIRONMENT_FILE_MISSING',
      exitCode: 4,
      line: 4,
      hint: 'invctl init --environment production',
    });
    const { '.env.production': __, ...noValues } = shop;
    expect(await chosen(noValues, 'production')).toMatchObject({
      code: 'ENVIRONMENT_FILE_MISSING',
      line: 5,
      hint: 'invctl init --environment production',
    });
    const own = { ...noValues, 'invctl.yaml': 'environments: {p: {envFile: .env.p}}\n' };
    expect((await chosen({ ...own, '.env.p.example': 'A=\n' }, 'p')).hint).toMatch(
      /^cp \S+\/\.env\.p\.example \S+\/\.env\.p {2}/,
    );
    expect((await chosen(own, 'p')).hint).toMatch(/^write it, or mend environments\.p\.envFile/);
  });

  it('a folder in place of a file', async () => {
    const yaml = 'environments:\n  p:\n    files: [compose.yaml, more.yaml]\n';
    expect(await chosen({ ...shop, 'more.yaml/x': '', 'invctl.yaml': yaml }, 'p')).toMatchObject({
      code: 'ENVIRONMENT_FILE_MISSING',
      message: 'the environment "p" names more.yaml, which is a folder',
    });
  });

  it('a first file in another folder, which would move the project there', async () => {
    const yaml = 'environments:\n  p:\n    files: [deep/one.yaml]\n';
    const files = { ...shop, 'deep/one.yaml': minimalServices, 'invctl.yaml': yaml };
    expect(await chosen(files, 'p')).toMatchObject({ code: 'CONFIG_INVALID', line: 3 });
  });

  it('one project for two environments of an engine', async () => {
    const same = (more: string) => ({
      ...shop,
      'invctl.yaml': `environments:\n  a: {project: live}\n  b: {project: live${more}}\n`,
    });
    expect(await chosen(same(''), 'b')).toMatchObject({
      code: 'CONFIG_INVALID',
      line: 3,
      message: expect.stringContaining('environments.b: it is the project live, and so is environments.a'),
    });
    expect(await nameOf(same(', context: elsewhere'), 'b', { DOCKER_HOST: '' })).toBe('live');
  });

  it.each([
    ['COMPOSE_FILE', 'compose.yaml'],
    ['COMPOSE_ENV_FILES', '.env'],
    ['COMPOSE_PROJECT_NAME', 'other'],
  ])('%s of the shell, where the environment says otherwise', async (variable, value) => {
    expect(await chosen(shop, 'production', { shell: { [variable]: value } })).toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: `${variable} is set in this shell, and the environment "production" says otherwise`,
    });
  });

  it.each(['DOCKER_CONTEXT', 'DOCKER_HOST'])('%s of the shell, where it has a context', async (variable) => {
    const files = { ...shop, 'invctl.yaml': 'environments: {p: {context: prod-host}}\n' };
    expect(await chosen(files, 'p', { shell: { [variable]: 'tcp://127.0.0.1:1' } })).toMatchObject({
      exitCode: 2,
    });
  });

  it('COMPOSE_FILE of the shell is no other answer where the environment has no files', async () => {
    const found = await chosen(shop, 'staging', { shell: { COMPOSE_PROFILES: 'x' } });
    expect(found).toMatchObject({ name: 'shop-staging' });
  });
});

describe('the project without an environment', () => {
  const refusal = (files: Record<string, string>) =>
    withProject(files, (directory) =>
      assertNoEnvironmentNeeded(directory, bareShell({})).then(
        () => undefined,
        ({ code, exitCode }: UserError) => ({ code, exitCode }),
      ),
    );

  it('is refused where it is that of one', async () => {
    const yaml = 'environments: {production: {project: shop, protected: true}}\n';
    expect(await refusal({ ...shop, 'invctl.yaml': yaml })).toEqual({
      code: 'ENVIRONMENT_NEEDED',
      exitCode: 2,
    });
  });

  it('is left alone where it is another, or on another engine', async () => {
    expect(await refusal(shop)).toBeUndefined();
    const yaml = 'environments: {production: {project: shop, context: prod-host}}\n';
    expect(await refusal({ ...shop, 'invctl.yaml': yaml })).toBeUndefined();
  });
});
