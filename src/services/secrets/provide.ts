import { existsSync } from 'node:fs';
import { type ComposeProject, withDependencies } from '../../project/model.js';
import { readSecretFile, writeSecretFile } from '../../project/secret-file.js';
import { askProvider } from '../../project/secret-provider.js';
import type { ProjectSettings } from '../../project/settings-file.js';
import type { ServiceContext } from '../context.js';

/**
 * Writes the secrets of the services to start that have a provider and a missing or empty file. An existing
 * file is kept: only `secrets rotate` can give another value to a server that has data.
 *
 * @throws UserError of {@link askProvider}, before anything is written.
 */
export async function provideSecrets(
  { processes, signal }: ServiceContext,
  providers: ProjectSettings['secrets'],
  project: ComposeProject,
  services: readonly string[],
): Promise<void> {
  const wanted = withDependencies(project, services);
  const granted = new Set(
    Object.values(project.services).flatMap(({ name, secrets }) =>
      wanted.has(name) ? secrets.map(({ source }) => source) : [],
    ),
  );
  const missing = Object.entries(providers).flatMap(([name, provider]) => {
    const file = project.secrets[name]?.file;
    if (file === undefined || !granted.has(name) || !isUnwritten(file)) return [];
    return [{ name, file, provider }];
  });
  const surroundings = { processes, signal, directory: project.directory };
  const values = await Promise.all(
    missing.map(async ({ name, file, provider }) => ({
      file,
      value: await askProvider(name, provider, surroundings),
    })),
  );
  for (const { file, value } of values) await writeSecretFile(file, value);
}

function isUnwritten(file: string): boolean {
  return !existsSync(file) || readSecretFile(file)?.trim() === '';
}
