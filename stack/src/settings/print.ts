// `npm run config`: every setting, its value (secrets masked) and where it came from.
import { DECLARATIONS, type Declaration, type SettingName } from './declarations.js';
import { loadSettings, SettingsError } from './load.js';

try {
  const { settings, sources } = loadSettings();
  const rows = (Object.entries(DECLARATIONS) as [SettingName, Declaration][]).map(([name, declaration]) => {
    const value = settings[name];
    const shown =
      value === undefined ? '(none)' : declaration.secret ? '********' : String(value) || '(none)';
    return [declaration.aliases[0], shown, sources[name]] as const;
  });
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  for (const [alias, value, source] of rows) {
    console.log(`${alias.padEnd(width(0))}  ${value.padEnd(width(1))}  ${source}`);
  }
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
