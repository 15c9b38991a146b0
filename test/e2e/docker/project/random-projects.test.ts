import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../../src/errors.js';
import { projectFromConfig } from '../../../../src/project/from-config.js';
import { locateProject } from '../../../../src/project/locate.js';
import type { ComposeProject } from '../../../../src/project/model.js';
import { readProject } from '../../../../src/project/read.js';
import { repository } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { leftovers } from '../../../support/docker-project.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';
import { randomProject } from '../../../support/project/random-project.js';
import { randomServices } from '../../../support/project/random-services.js';

const configProjects = Number(process.env.ENV_PROJECTS ?? 60);
const runProjects = Number(process.env.ENV_RUN_PROJECTS ?? 24);
const LANES = 4;
const ATTEMPTS = 3;
/** Of the commit, so that each change meets projects of its own and a run of it can be repeated. */
const seed = Number.parseInt(process.env.ENV_SEED ?? commit().slice(0, 7), 16);

const execute = promisify(execFile);

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: repository, encoding: 'utf8', stdio: 'pipe' });
  } catch {
    // A copy without its history.
    return 'c0ffee0';
  }
}

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
        { numRuns: configProjects, seed, includeErrorInReport: true },
      );
    },
  );

  const lane = (number: number) => `invctl-random-${process.pid}-${number}`;
  const lanes = Array.from({ length: LANES }, (_, number) => number);

  // Most of the time of a run is the engine's: several go side by side.
  it.concurrent.each(lanes)(
    `give a container the environment that we read (${Math.ceil(runProjects / LANES)} projects, lane %i)`,
    { timeout: 60_000 + runProjects * 1000 },
    async (number) => {
      await fc.assert(
        fc.asyncProperty(randomProject, async ({ files, env }) => {
          await withProject(files, async (directory) => {
            const shell = bareShell({ ...env, COMPOSE_PROJECT_NAME: lane(number) });
            const ours = await readOurselves(directory, shell);
            fc.pre(!(ours instanceof UserError));
            const expected = ours.services.s0?.environment ?? {};
            fc.pre(!('' in expected));
            const container = await containerEnvironment(directory, shell);
            for (const [name, value] of Object.entries(expected)) {
              expect([name, container.get(name)]).toEqual([name, value ?? undefined]);
            }
          });
        }),
        {
          numRuns: Math.ceil(runProjects / LANES),
          seed: seed + number,
          endOnFailure: true,
          includeErrorInReport: true,
        },
      );
    },
  );

  afterAll(async () => {
    expect((await Promise.all(lanes.map((number) => leftovers(lane(number))))).flat()).toEqual([]);
  });
});

/**
 * What the service `s0` of the project really gets, by `printenv` of one NUL-terminated line a variable. An engine
 * that does not start the container, or loses what it printed, says nothing of its environment: it is asked again.
 */
async function containerEnvironment(
  directory: string,
  shell: NodeJS.ProcessEnv,
): Promise<Map<string, string>> {
  const words = ['compose', 'run', '--rm', '--no-deps', '--no-TTY', 's0', 'printenv', '-0'];
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { stdout } = await execute('docker', words, { cwd: directory, env: shell });
      const pairs = stdout.split('\0').filter((pair) => pair !== '');
      const printed = new Map(
        pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      );
      if (printed.has('HOSTNAME')) return printed;
      throw new Error(`the container printed ${JSON.stringify(stdout)}`);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
