import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadProject } from '../../../../src/project/loaded-project.js';
import { locateProject } from '../../../../src/project/locate.js';
import { modelProject } from '../../../../src/project/read.js';
import { exportSwarm } from '../../../../src/services/export.js';
import { folderContext } from '../../../support/architecture/folder-context.js';
import { PUBLIC_PROJECTS } from '../../../support/architecture/public-projects.js';
import { withoutDocker } from '../../../support/docker.js';
import { projectWithKeys, SERVICE_KEYS } from '../../../support/export/service-keys.js';
import { bareShell, withProject } from '../../../support/project/project-on-disk.js';
import { randomProject } from '../../../support/project/random-project.js';

/** Go's YAML prints texts without quotes that others read as numbers. */
const TEXTS = { schema: 'failsafe' } as const;

/** What the client of Docker makes of the stack file of a folder's project. */
async function deployed(directory: string, env: NodeJS.ProcessEnv) {
  const context = folderContext(directory, env);
  const { file, variables, losses, project } = await exportSwarm(context);
  const secrets = Object.fromEntries(variables.map(({ asked }) => [asked, 'given']));
  const { status, stdout, stderr } = spawnSync('docker', ['stack', 'config', '--compose-file', file], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...secrets },
    encoding: 'utf8',
  });
  return {
    status,
    stderr,
    stack: status === 0 ? parse(stdout, TEXTS) : undefined,
    losses,
    project,
    variables,
  };
}

/** The client loses line feeds at the edges of a name or value when it prints it; it deploys them. */
function onOneLine(environment: Record<string, string | null>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name.replaceAll('\n', ''),
      value?.replaceAll('\n', ''),
    ]),
  );
}

describe.skipIf(withoutDocker)('docker stack config', () => {
  it('takes a service with each key of the Compose schema', async () => {
    await withProject(projectWithKeys(Object.keys(SERVICE_KEYS)), async (directory) => {
      const { status, stderr } = await deployed(directory, bareShell({ COMPOSE_PROFILES: '*' }));
      expect([status, stderr.replace(/^time=.*level=warning.*$/gm, '').trim()]).toEqual([0, '']);
    });
  });

  it.each(PUBLIC_PROJECTS)('takes the project "$title"', async ({ files, env, from }) => {
    await withProject(files, async (root) => {
      const { status, stderr, stack } = await deployed(join(root, from ?? ''), bareShell(env));
      expect([status, stderr]).toEqual([0, expect.not.stringContaining('ignoring IP-address')]);
      expect(Object.keys(stack.services).length).toBeGreaterThan(0);
    });
  });

  it('gives a service the environment that Compose gives it (40 random projects)', async () => {
    await fc.assert(
      fc.asyncProperty(randomProject, async ({ files, env }) => {
        await withProject(files, async (directory) => {
          const result = await deployed(directory, bareShell(env)).catch(() => undefined);
          // Compose refuses the project.
          fc.pre(result !== undefined);
          expect([result.status, result.stderr]).toEqual([0, '']);
          const location = locateProject(directory, bareShell(env));
          const { project } = modelProject(loadProject(location, bareShell(env)), location);
          const secret = new Set(result.variables.map(({ name }) => name));
          for (const [service, { environment }] of Object.entries(project.services)) {
            const told = Object.entries(environment).filter(
              ([name, value]) => value !== null && /./.test(name) && !secret.has(name),
            );
            expect(onOneLine(result.stack.services[service].environment ?? {})).toEqual(
              onOneLine(Object.fromEntries(told)),
            );
          }
        });
      }),
      { numRuns: 40, includeErrorInReport: true },
    );
  });
});
