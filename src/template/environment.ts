import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Template } from './manifest.js';
import { type ScaffoldOptions, templateVariables } from './options.js';
import { render } from './render.js';
import { renderScaffold, type ScaffoldFile } from './scaffold.js';

/** Paths of an environment's files in the project. */
export interface EnvironmentFiles {
  compose: string;
  env: string;
  example: string;
  secretsFolder: string;
}

export function environmentFiles(name: string): EnvironmentFiles {
  const env = `stack/.env.${name}`;
  return {
    compose: `compose.${name}.yaml`,
    env,
    example: `${env}.example`,
    secretsFolder: `secrets/${name}`,
  };
}

/**
 * Returns the files that an environment adds to a scaffold: the file that is merged over the compose file,
 * its settings, its secrets. They include the rules of .gitignore, for a scaffold of an older template.
 * @param input.port of this machine, for the API
 */
export async function renderEnvironment(
  template: Template,
  options: ScaffoldOptions,
  { name, port }: { name: string; port: number },
): Promise<ScaffoldFile[]> {
  const folder = join(template.folder, 'environment');
  const [overlay, head, scaffold, image] = await Promise.all([
    readFile(join(folder, 'compose.yaml'), 'utf8'),
    readFile(join(folder, 'env.example'), 'utf8'),
    renderScaffold(template, options),
    apiImage(template, options),
  ]);
  const variables = { ...templateVariables(options), environment: name, port: `${port}`, image };
  const paths = environmentFiles(name);
  const files: ScaffoldFile[] = [];
  let example = '';
  for (const file of scaffold) {
    if (file.policy === 'append') files.push(file);
    if (file.policy === 'secret') files.push({ ...file, path: inFolder(file.path, paths.secretsFolder) });
    if (file.policy !== 'env') continue;
    example = render(head, variables) + ofEnvironment(file.content, name);
    files.push({ ...file, path: paths.env, content: example });
  }
  const owned = (path: string, text: string): ScaffoldFile => ({
    path,
    mode: 0o644,
    policy: 'owned',
    content: Buffer.from(text),
  });
  return [
    owned(paths.example, example),
    ...files,
    // Written last: its presence means that the environment is complete.
    owned(paths.compose, render(overlay, variables)),
  ];
}

/** Name of the API's image, with the version of the API in this template. */
export async function apiImage(template: Template, { name }: ScaffoldOptions): Promise<string> {
  const text = await readFile(join(template.packageFolder, 'stack', 'package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return `${name}-api:${version}`;
}

function inFolder(path: string, folder: string): string {
  return path.replace(/^secrets(?=\/)/, folder);
}

/** Returns the settings of the API for another environment. */
function ofEnvironment(example: string, name: string): string {
  const text = example.replace(/^ENVIRONMENT=.*$/m, `ENVIRONMENT=${name}`);
  if (text === example) throw new Error("the template's env example has no ENVIRONMENT");
  return text;
}
