import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../../src/errors.js';
import { projectFromConfig } from '../../../../src/project/from-config.js';
import { locateProject } from '../../../../src/project/locate.js';
import type { ComposeProject } from '../../../../src/project/model.js';
import { readProject } from '../../../../src/project/read.js';
import { withoutDocker } from '../../../support/docker.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';
import { randomProject } from '../../../support/project/random-project.js';
import { randomServices } from '../../../support/project/random-services.js';

const configProjects = Number(process.env.ENV_PROJECTS ?? 60);
const runProjects = Number(process.env.ENV_RUN_PROJECTS ?? 10);

async function readOurselves(
  directory: string,
  shell: NodeJS.ProcessEnv,
): Promise<ComposeProject | UserError> {
  try {
    return (await readProject(locateProject(directory, shell), shell)).project;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

describe.skipIf(withoutDocker)('random projects', () => {
  it.each([
    { arbitrary: randomProject, of: 'environments from everywhere' },
    { arbitrary: randomServices, of: 'services in every form' },
  ])(
    `are read as docker compose config reads them: $of (${configProjects} projects)`,
    {
      timeout: 60_000 + configProjects * 1000,
    },
    async ({ arbitrary }) => {
      await fc.assert(
        fc.asyncProperty(arbitrary, async ({ files, env }) => {
          await withProject(files, async (directory) => {
            const shell = bareShell(env);
            const ours = await readOurselves(directory, shell);
            const verdict = composeConfig(directory, shell);
            if (!verdict.accepts) {
              expect(ours, `Compose refuses: ${verdict.stderr}`).toBeInstanceOf(UserError);
              return;
            }
            if (ours instanceof UserError) {
              throw new Error(`we refuse what Compose accepts: ${ours.file}:${ours.line} ${ours.message}`);
            }
            expect(ours).toEqual(projectFromConfig(verdict.config, locateProject(directory, shell)));
          });
        }),
        { numRuns: configProjects },
      );
    },
  );

  it(`give a container the environment that we read (${runProjects} projects)`, {
    timeout: 60_000 + runProjects * 10_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(randomProject, async ({ files, env }) => {
        await withProject(files, async (directory) => {
          const shell = bareShell({ ...env, COMPOSE_PROJECT_NAME: `random-environment-${process.pid}` });
          const ours = await readOurselves(directory, shell);
          fc.pre(!(ours instanceof UserError));
          const expected = ours.services.s0?.environment ?? {};
          fc.pre(!('' in expected));
          const container = containerEnvironment(directory, shell);
          for (const [name, value] of Object.entries(expected)) {
            expect([name, container.get(name)]).toEqual([name, value ?? undefined]);
          }
        });
      }),
      { numRuns: runProjects, endOnFailure: true },
    );
  });
});

/** What the service `s0` of the project really gets. Removes the container and the network that it needed. */
function containerEnvironment(directory: string, shell: NodeJS.ProcessEnv): Map<string, string> {
  const compose = (...args: string[]) =>
    spawnSync('docker', ['compose', ...args], { cwd: directory, env: shell, encoding: 'utf8' });
  try {
    const result = compose('run', '--rm', '--no-deps', '--no-TTY', 's0', 'env', '-0');
    if (result.status !== 0) throw new Error(result.stderr);
    const pairs = result.stdout.split('\0').filter((pair) => pair !== '');
    return new Map(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
  } finally {
    compose('down', '--timeout', '0');
  }
}
