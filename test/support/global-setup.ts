import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { dockerAnswers, dockerRequired } from './docker.js';

/** How the projects of tests are called. */
const TEST_PROJECT = /^(invctl-|tiny-|doc-)/;

/** Vitest calls the setup once for each of its projects, in one process. */
const MARK = Symbol.for('invctl tests are set up');

/**
 * Builds the CLI once: end-to-end tests run what users run. Says why Docker tests are skipped. When all is over, what
 * the tests left behind is counted: on a machine of a CI, where nobody else makes such things meanwhile, that fails
 * the run.
 */
export default function setup(): () => void {
  if (Reflect.has(globalThis, MARK)) return () => {};
  Reflect.set(globalThis, MARK, true);
  const root = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
  const docker = dockerAnswers();
  if (!docker) {
    if (dockerRequired) throw new Error('REQUIRE_DOCKER=1, but no Docker engine with Compose v2 answers');
    process.stderr.write('\nDocker tests are skipped: no Docker engine with Compose v2 answers here.\n\n');
  }
  const before = new Set(belongings(docker));
  return () => {
    const left = belongings(docker).filter((one) => !before.has(one));
    if (left.length === 0) return;
    const message = `the tests left behind: ${left.join(', ')}`;
    if (process.env.CI) throw new Error(message);
    process.stderr.write(`\n${message}\n`);
  };
}

function belongings(docker: boolean): string[] {
  const folders = readdirSync(tmpdir()).filter(
    (name) => /^invctl[- ]/.test(name) && !name.includes('report'),
  );
  return [...folders.map((name) => `folder ${name}`), ...(docker ? engineObjects() : [])];
}

function engineObjects(): string[] {
  const project = '{{.Label "com.docker.compose.project"}}';
  const named = [
    ['container', 'ps', '--all', '--format', `${project}\t{{.Names}}`],
    ['volume', 'volume', 'ls', '--format', `${project}\t{{.Name}}`],
    ['network', 'network', 'ls', '--format', `${project}\t{{.Name}}`],
  ].flatMap(([kind, ...args]) =>
    docker(args)
      .map((line) => line.split('\t'))
      .filter(([name = '']) => TEST_PROJECT.test(name))
      .map(([, name]) => `${kind} ${name}`),
  );
  const anonymous = docker(['volume', 'ls', '--quiet', '--filter', 'label=com.docker.volume.anonymous']);
  return [...named, ...anonymous.map((name) => `anonymous volume ${name}`)];
}

function docker(args: readonly string[]): string[] {
  return execFileSync('docker', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
}
