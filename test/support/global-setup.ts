import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dockerAnswers, dockerRequired } from './docker.js';

/** Builds the CLI once: end-to-end tests run what users run. Says why Docker tests are skipped. */
export default function setup(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
  if (dockerAnswers()) return;
  if (dockerRequired) throw new Error('REQUIRE_DOCKER=1, but no Docker engine with Compose v2 answers');
  process.stderr.write('\nDocker tests are skipped: no Docker engine with Compose v2 answers here.\n\n');
}
