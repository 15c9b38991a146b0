import { identifier } from '../../system/sql.js';
import type { Server } from './server.js';

const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/**
 * A name as an SQL identifier on one line; line breaks and other control characters are written as escapes.
 */
export function identifierOnOneLine(name: string): string {
  if (!CONTROL.test(name)) return identifier(name);
  const escaped = [...name].map((character) => {
    if (character === '\\') return '\\\\';
    if (character === '"') return '""';
    if (!CONTROL.test(character)) return character;
    return `\\${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
  return `U&"${escaped.join('')}"`;
}

/** `"public"."items"`, for SQL that the user pastes. */
export function qualified(schema: string, name: string): string {
  return `${identifierOnOneLine(schema)}.${identifierOnOneLine(name)}`;
}

/** A name for a sentence: bare if it is plain, otherwise as the identifier. */
export function shown(schema: string, name: string): string {
  const part = (text: string) => (/^[a-z_][a-z0-9_$]*$/.test(text) ? text : identifierOnOneLine(text));
  return schema === 'public' ? part(name) : `${part(schema)}.${part(name)}`;
}

/** A command that runs SQL in the project's database, or in another database of its server. */
export function psqlCommand(sql: string, database?: string): string {
  const words = database === undefined ? '' : `-d ${shellWord(database)} `;
  return `invctl db psql -- ${words}-c ${shellWord(sql)}`;
}

/**
 * Returns how to change a setting: ALTER SYSTEM has no effect on one that is on the server's command line.
 * @param value as in SQL
 * @param restart whether the server reads it only at its start
 */
export function changeSetting(
  { onCommandLine }: Pick<Server, 'onCommandLine'>,
  name: string,
  value: string,
  restart = false,
): string {
  if (onCommandLine.includes(name)) {
    return `write ${name}=${value} into the \`command:\` of the database's service, then: invctl up`;
  }
  const alter = psqlCommand(`ALTER SYSTEM SET ${name} = ${value}`);
  return restart
    ? `${alter}, then restart the database's service`
    : `${alter}, then: ${psqlCommand('SELECT pg_reload_conf()')}`;
}

/** Quotes a word for a POSIX shell, in the more readable kind of quotes. */
function shellWord(text: string): string {
  if (/^[\w./-]+$/.test(text)) return text;
  return text.includes("'") && !/["$`\\!]/.test(text) ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns foreign text on one line, without control characters that move a terminal's cursor. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
    return character === '\n' ? '\\n' : `\\u${code}`;
  });
}
