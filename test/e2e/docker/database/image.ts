import { execFileSync } from 'node:child_process';

/**
 * Builds an image of a Dockerfile's text, by Docker's cache where it was built before.
 * @param label unique among the tests
 */
export function buildImage(label: string, dockerfile: string): { name: string; remove(): void } {
  const name = `invctl-db-${label}-${process.pid}`;
  execFileSync('docker', ['build', '--quiet', '--tag', name, '-'], {
    input: dockerfile,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  return {
    name,
    remove: () => void execFileSync('docker', ['image', 'rm', '--force', name], { stdio: 'ignore' }),
  };
}
