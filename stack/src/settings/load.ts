import { DECLARATIONS, type Declaration, type SettingName, type Settings } from './declarations.js';
import { envFile, type Found, type Source, SourceError, secretFiles, variables } from './sources.js';

/** All that is wrong with the settings, found in one pass. No message contains a value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`invalid settings:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

export interface SettingsInput {
  /** Values that win over every source, by alias. */
  readonly overrides?: Record<string, string>;
  readonly env?: NodeJS.ProcessEnv;
  /** For local work; in a container, Compose puts the file's content into the environment. */
  readonly envFilePath?: string;
}

/** The settings, and for each of them the words that tell where its value came from. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly sources: Readonly<Record<SettingName, string>>;
}

/**
 * Reads every setting from the first source that has it: overrides, the environment, `.env`, the files in
 * `SECRETS_DIR` (`/run/secrets`), the default. Within a source, aliases are tried in the order of declaration.
 *
 * @throws {SettingsError} listing every problem, each by alias and source.
 */
export function loadSettings({
  overrides = {},
  env = process.env,
  envFilePath = '.env',
}: SettingsInput = {}): LoadedSettings {
  const problems: string[] = [];
  const sources: Source[] = [
    variables(Object.entries(overrides), 'arguments'),
    variables(Object.entries(env), 'the environment'),
  ];
  try {
    sources.push(envFile(envFilePath));
  } catch (error) {
    problems.push(messageOf(error));
  }
  sources.push(secretFiles(env.SECRETS_DIR ?? '/run/secrets'));

  const settings: Partial<Record<SettingName, unknown>> = {};
  const origins: Partial<Record<SettingName, string>> = {};
  for (const [name, declaration] of Object.entries(DECLARATIONS) as [SettingName, Declaration][]) {
    try {
      const found = find(sources, declaration.aliases);
      const parsed = declaration.schema.safeParse(found?.value);
      if (parsed.success) {
        settings[name] = parsed.data;
        origins[name] = found?.source ?? 'default';
      } else if (found) {
        const messages = parsed.error.issues.map((issue) => issue.message);
        problems.push(`${declaration.aliases[0]} (from ${found.source}) ${messages.join('; ')}`);
      } else {
        problems.push(`${declaration.aliases.join(' or ')} is required and set nowhere`);
      }
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return { settings: settings as Settings, sources: origins as Record<SettingName, string> };
}

function find(sources: readonly Source[], aliases: readonly string[]): Found | undefined {
  for (const source of sources) {
    for (const alias of aliases) {
      const found = source.find(alias);
      if (found) return found;
    }
  }
  return undefined;
}

function messageOf(error: unknown): string {
  if (error instanceof SourceError) return error.message;
  throw error;
}
