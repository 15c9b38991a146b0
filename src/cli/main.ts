import { readFileSync } from 'node:fs';

// Only Node itself is imported before the version check: other modules may need a newer Node to load.
const MINIMUM_NODE = [20, 19] as const;

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}

async function main(argv: readonly string[]): Promise<number> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1])) {
    process.stderr.write(
      `error: invctl needs Node ${MINIMUM_NODE.join('.')} or later; this is ${process.versions.node}\n` +
        'next:  install a current Node (https://nodejs.org), then: node --version\n',
    );
    return 1;
  }
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  const { runProgram } = await import('./run.js');
  return runProgram(argv, packageVersion());
}

// What waits for something that never comes ends as soon as nothing else goes on: that is no success.
process.exitCode = 1;
process.exitCode = await main(process.argv.slice(2));
