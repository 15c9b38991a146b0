#!/usr/bin/env node
// What the registry says of the dependencies. Fails for a known vulnerability, high or critical, in what a user
// installs; versions that are out of date are listed and fail nothing. Where no registry answers, it says so.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const TIME_LIMIT_MS = 30_000;
const FAILS = ['high', 'critical'];

/** The JSON that npm prints, whatever its status; undefined where it prints none. */
function npm(args, cwd) {
  const env = { ...process.env, npm_config_fetch_retries: '0' };
  const { stdout } = spawnSync('npm', [...args, '--json'], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: TIME_LIMIT_MS,
  });
  try {
    return JSON.parse(stdout || '{}');
  } catch {
    return undefined;
  }
}

let failed = false;
for (const [name, folder] of Object.entries({ invctl: root, stack: `${root}stack` })) {
  const found = npm(['audit', '--omit=dev'], folder)?.metadata?.vulnerabilities;
  if (!found) {
    console.log(`${name}: no registry answers npm audit; nothing is known of vulnerabilities`);
  } else {
    const counts = Object.entries(found).filter(([level, number]) => level !== 'total' && number > 0);
    console.log(
      `${name}: ${counts.map(([level, number]) => `${number} ${level}`).join(', ') || 'no known vulnerability'}`,
    );
    failed ||= FAILS.some((level) => found[level] > 0);
  }
  const outdated = npm(['outdated'], folder) ?? {};
  if ('error' in outdated) continue;
  for (const [dependency, { current, wanted, latest }] of Object.entries(outdated)) {
    console.log(`${name}: ${dependency} ${current ?? 'not installed'}, in range ${wanted}, latest ${latest}`);
  }
}
const [, source, taken] = /`([a-z-]+)` ([\d.]+)/.exec(
  readFileSync(`${root}src/project/compose-spec/README.md`, 'utf8'),
);
const newest = npm(['view', source, 'version'], root);
if (typeof newest === 'string' && newest !== taken) {
  console.log(`compose-spec: the schema is that of ${source} ${taken}, latest ${newest}`);
}
if (failed) console.error('npm audit --omit=dev      (tells which, and what mends it)');
process.exitCode = failed ? 1 : 0;
