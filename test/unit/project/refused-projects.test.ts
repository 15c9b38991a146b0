import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { locateProject } from '../../../src/project/locate.js';
import { readProject } from '../../../src/project/read.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';
import { refusedProjects } from '../../support/project/refused-projects.js';

describe('a project that Compose refuses is refused with its file and line', () => {
  it.each(refusedProjects)('$title', async ({ files, env, code, file, line, hint }) => {
    await withProject(files, async (directory) => {
      const shell = bareShell(env);
      const error = await Promise.resolve()
        .then(() => readProject(locateProject(directory, shell), shell))
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(UserError);
      expect(error).toMatchObject({ code, exitCode: 4, line });
      if (line !== undefined) expect(error).toHaveProperty('file', join(directory, file ?? 'compose.yaml'));
      if (hint !== undefined) expect((error as UserError).hint).toContain(hint);
    });
  });
});
