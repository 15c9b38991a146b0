import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../../src/errors.js';
import { chooseEnvironment } from '../../../../src/project/environments.js';
import { projectFromConfig } from '../../../../src/project/from-config.js';
import { locateProject, type ProjectLocation } from '../../../../src/project/locate.js';
import { readProject } from '../../../../src/project/read.js';
import { withoutDocker } from '../../../support/docker.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';
import { type RandomEnvironment, randomEnvironment } from '../../../support/project/random-environments.js';

const projects = Math.ceil(Number(process.env.ENV_PROJECTS ?? 100) / 4);
const CONFIG = ['config', '--format', 'json'];

/** Our reading of a project against Compose's own with these words, in this shell. */
async function compare(
  directory: string,
  env: NodeJS.ProcessEnv,
  location: () => ProjectLocation,
  oracle: { env: NodeJS.ProcessEnv; words: readonly string[] },
): Promise<void> {
  const ours = await Promise.resolve()
    .then(async () => (await readProject(location(), env)).project)
    .catch((error) => {
      if (error instanceof UserError) return error;
      throw error;
    });
  const verdict = composeConfig(directory, oracle.env, ['compose', ...oracle.words, ...CONFIG]);
  if (!verdict.accepts) {
    expect(ours, `Compose refuses: ${verdict.stderr}`).toBeInstanceOf(UserError);
    return;
  }
  if (ours instanceof UserError) throw new Error(`we refuse what Compose accepts: ${ours.message}`);
  expect(ours).toEqual(projectFromConfig(verdict.config, location()));
}

function holds(property: (input: RandomEnvironment) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(randomEnvironment, property), {
    numRuns: projects,
    includeErrorInReport: true,
  });
}

describe.skipIf(withoutDocker)(
  `random projects with include, extends, profiles and env files (${projects})`,
  () => {
    it(
      'mean to us what they mean to Compose by COMPOSE_FILE, COMPOSE_PROFILES and COMPOSE_ENV_FILES',
      { timeout: 60_000 + projects * 3000 },
      () =>
        holds(async ({ files, shell, chosen }) => {
          await withProject(files, async (directory) => {
            const env = bareShell({
              ...shell,
              ...(chosen.files ? { COMPOSE_FILE: chosen.files.join(':') } : {}),
              ...(chosen.envFiles ? { COMPOSE_ENV_FILES: chosen.envFiles.join(',') } : {}),
            });
            await compare(directory, env, () => locateProject(directory, env), { env, words: [] });
          });
        }),
    );

    it(
      'mean in an environment what they mean to Compose by its flags',
      { timeout: 60_000 + projects * 3000 },
      () =>
        holds(async ({ files, shell, chosen }) => {
          const settings = { files: chosen.files, envFile: chosen.envFiles, project: 'live' };
          const yaml = JSON.stringify({ environments: { p: settings } });
          await withProject({ ...files, 'invctl.yaml': yaml }, async (directory) => {
            const env = bareShell({ ...shell, DOCKER_CONTEXT: '' });
            const environment = await chooseEnvironment(directory, env, 'p');
            const own = { ...env, ...environment.variables };
            const words = [
              ...(chosen.envFiles ?? []).flatMap((file) => ['--env-file', file]),
              ...(chosen.files ?? []).flatMap((file) => ['--file', file]),
              '--project-name',
              'live',
            ];
            await compare(directory, own, () => locateProject(directory, own, environment), {
              env: { ...env, INVCTL_ENVIRONMENT: 'p' },
              words,
            });
          });
        }),
    );
  },
);
