import { execFileSync } from 'node:child_process';

/** Whether a Docker engine with Compose v2 answers. Asked once, when the tests start. */
export function dockerAnswers(): boolean {
  try {
    execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], {
      stdio: 'ignore',
      timeout: 10_000,
    });
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

export const dockerRequired = process.env.REQUIRE_DOCKER === '1';

/**
 * For `describe.skipIf`: true where no engine answers. With `REQUIRE_DOCKER=1` never, so that the tests run and fail.
 */
export const withoutDocker = !dockerRequired && !dockerAnswers();
