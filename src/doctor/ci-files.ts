import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Facts } from './facts.js';

const PLACES = [
  '.github/workflows',
  '.gitlab-ci.yml',
  '.circleci/config.yml',
  '.forgejo/workflows',
  '.gitea/workflows',
  '.woodpecker.yml',
  '.woodpecker',
  '.drone.yml',
  '.travis.yml',
  '.ci',
  'Jenkinsfile',
  'azure-pipelines.yml',
  'bitbucket-pipelines.yml',
  '.buildkite',
];

/** CI configurations of the project, or of the git work tree that it is in. */
export function ciFiles({ location }: Facts): string[] {
  for (let folder = location.directory; ; folder = dirname(folder)) {
    const found = PLACES.map((place) => join(folder, place)).filter((path) => existsSync(path));
    if (found.length > 0) return found.flatMap(filesOf);
    if (existsSync(join(folder, '.git')) || dirname(folder) === folder) return [];
  }
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => join(path, name));
}

export function mentions(files: readonly string[], pattern: RegExp): boolean {
  return files.some((file) => pattern.test(readFileSync(file, 'utf8')));
}
