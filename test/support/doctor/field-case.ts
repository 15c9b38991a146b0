import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { repository } from '../cli.js';
import { type SickProject, writtenProject } from './project.js';

/** What doctor has to say of a project of the field: `doctor.json` beside its folder. */
export interface Expectation {
  about: string;
  /** The public report after which it was made. */
  source?: string;
  /** Something has to run first: `test/e2e/docker/doctor/field-cases.test.ts` does that. */
  steps?: true;
  /** Outcome by id. */
  found?: Record<string, string>;
  /** Ids that find nothing. */
  quiet?: string[];
  /** The root causes that are failures, in order. */
  roots?: string[];
  /** In some message. */
  says?: string[];
  /** File and line of the first finding, by id. */
  line?: Record<string, [file: string, line: number]>;
  /** In no message. */
  secret?: string;
  /** Ids that `--fix --yes` mends. */
  mended?: string[];
  /** `--fix --yes` changes no file. */
  untouched?: true;
}

const FOLDER = join(repository, 'test/field-cases/compose');

/** Names of the cases, each with what is expected of doctor. */
export function fieldCases(): [name: string, expectation: Expectation][] {
  return readdirSync(FOLDER)
    .filter((name) => existsSync(join(FOLDER, name, 'doctor.json')))
    .map((name) => [
      name,
      JSON.parse(readFileSync(join(FOLDER, name, 'doctor.json'), 'utf8')) as Expectation,
    ]);
}

/** A copy of a case's project under a name of its own. */
export async function fieldProject(
  name: string,
  env: Record<string, string | undefined> = {},
): Promise<SickProject> {
  const project = await writtenProject({}, env);
  for (const [file, text] of fieldFiles(name)) {
    const renamed = text.replace(/^name: \S+$/m, `name: ${project.name}`);
    project.write(file, renamed.replaceAll('pcorbit', `${project.name}-orbit`));
  }
  project.mark();
  return project;
}

function fieldFiles(name: string): Map<string, string> {
  const folder = join(FOLDER, name, 'project');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [relative(folder, path), readFileSync(path, 'utf8')];
      }),
  );
}
