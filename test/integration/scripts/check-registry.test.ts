import { spawnSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repository } from '../../support/cli.js';
import { temporaryFolder } from '../../support/folder.js';

/** Runs the script with an npm that prints this for `npm audit` and for `npm outdated`. */
async function checkWith(audit: string, outdated: string) {
  const folder = await temporaryFolder();
  const npm = join(folder, 'npm');
  await writeFile(
    npm,
    '#!/bin/sh\n[ "$1" = audit ] && printf %s "$AUDIT" || printf %s "$OUTDATED"\nexit 1\n',
  );
  await chmod(npm, 0o755);
  const PATH = `${folder}:${process.env.PATH}`;
  return spawnSync(process.execPath, [join(repository, 'scripts/check-registry.mjs')], {
    env: { ...process.env, PATH, AUDIT: audit, OUTDATED: outdated },
    encoding: 'utf8',
  });
}

const vulnerabilities = (counts: Record<string, number>) =>
  JSON.stringify({ metadata: { vulnerabilities: counts } });

it.each([
  ['a high one', vulnerabilities({ low: 0, high: 1, total: 1 }), 1, '1 high'],
  ['a critical one', vulnerabilities({ critical: 2, total: 2 }), 1, '2 critical'],
  ['a moderate one', vulnerabilities({ moderate: 1, total: 1 }), 0, '1 moderate'],
  ['none', vulnerabilities({ high: 0, total: 0 }), 0, 'no known vulnerability'],
  ['a registry that refuses to say', '{"message":"405 Method Not Allowed"}', 0, 'no registry answers'],
  ['no registry', '{"error":{"code":"ENOTFOUND"}}', 0, 'no registry answers'],
  ['words that are no JSON', 'npm error', 0, 'no registry answers'],
])('vulnerabilities: %s', async (_, audit, status, said) => {
  const result = await checkWith(audit, '{}');
  expect(result.stdout).toContain(said);
  expect(result.status).toBe(status);
});

it('what is out of date is listed, and fails nothing', async () => {
  const result = await checkWith(
    vulnerabilities({}),
    '{"pg":{"current":"8.1.0","wanted":"8.2.0","latest":"9.0.0"}}',
  );
  expect(result.stdout).toContain('invctl: pg 8.1.0, in range 8.2.0, latest 9.0.0');
  expect(result.status).toBe(0);
  expect((await checkWith('', '{"error":{"code":"ENOTFOUND"}}')).status).toBe(0);
});
