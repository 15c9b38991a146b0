import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bin, repository, scriptEnvironment } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';

const run = promisify(execFile);
/** Those that hold invctl against `docker compose config`, or an env file against what Compose makes of it. */
const CASES = [
  'bare-name-after-file',
  'empty-comment',
  'example-env-used',
  'example-export',
  'inf-float',
  'unset-in-envfile',
];

describe.skipIf(withoutDocker)('a project of the field', () => {
  it.concurrent.each(CASES)('%s', async (name) => {
    const folder = await mkdtemp(join(tmpdir(), 'invctl-field-env-'));
    try {
      await cp(join(repository, 'test/field-cases/compose', name), folder, { recursive: true });
      const env = scriptEnvironment({ INVCTL: `${process.execPath} ${bin}` });
      const { stdout } = await run('bash', [join(folder, 'run.sh')], { env });
      expect(stdout).toMatch(/^PASS/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
