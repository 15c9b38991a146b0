#!/usr/bin/env node
// The README's test command: the CLI's suite, then the API's own in stack/. Prints one closing line for both.
//
//   npm test                        all; Docker tests skip with a reason where no engine answers
//   npm test -- --project unit      one vitest project of the CLI, without stack/
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stack = join(root, 'stack');
const chosen = process.argv.slice(2);
const reports = mkdtempSync(join(tmpdir(), 'invctl-test-report-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
/** Of each failure at the end of the log. */
const FAILURE_LINES = 12;
let broken = false;

function run(program, args, cwd) {
  const { status } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  return status === 0;
}

function vitest(name, cwd, args) {
  const report = join(reports, `${name}.json`);
  console.log(`\n— ${name} —`);
  const ok = run(
    'npx',
    ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    cwd,
  );
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    failures.push(...failuresOf(testResults));
    totals.passed += numPassedTests;
    totals.failed += numFailedTests;
    totals.skipped += numPendingTests + numTodoTests;
    // A file that fails to load counts no test, but is a failure all the same.
    if (!ok && numFailedTests === 0) broken = true;
  } catch {
    broken = true;
  }
}

/** Where and why, for the end of a log of which often only the end is kept. */
function failuresOf(files) {
  return files.flatMap(({ name, message, status, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((one) => one.status === 'failed');
    if (failed.length === 0 && status === 'failed') return [`${file}\n${message}`];
    return failed.map((one) => `${file} > ${one.fullName}\n${one.failureMessages.join('\n')}`);
  });
}

try {
  vitest('invctl', root, chosen);
  if (chosen.length === 0) {
    // Some tests of the API start its built program.
    const ready =
      run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], stack) &&
      run('npm', ['run', '--silent', 'build'], stack);
    if (ready) vitest('stack', stack, []);
    else broken = true;
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}
for (const failure of failures) {
  console.log(`\nFAILED ${failure.split('\n').slice(0, FAILURE_LINES).join('\n')}`);
}
if (broken && totals.failed === 0) totals.failed = 1;
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 ? 1 : 0;
