import type { PipeResult } from '../engine/engine.js';
import type { UserError } from '../errors.js';
import { shellWord } from '../system/argv.js';
import { identifier } from '../system/sql.js';
import { programFailed } from './database.js';

/** Makes the error of a program that failed to load a dump, with a hint where its message tells what to do. */
export function restoreFailed(what: string, result: PipeResult): UserError {
  return programFailed('RESTORE_FAILED', what, result, hintOf(result.stderr));
}

function hintOf(said: string): string | undefined {
  const lost = /\b(function|relation|type|operator) .+ does not exist/.test(said);
  const name = /CONTEXT:\s+(?:PL\/pgSQL|SQL) function (\S+\(.*?\)|"(?:[^"]|"")+")/.exec(said)?.[1];
  if (lost && name !== undefined) {
    return `${name} finds what it needs by search_path, which is empty while a dump is loaded. In the live database: ALTER FUNCTION ${name} SET search_path = public, pg_temp;      (then take another backup)`;
  }
  const role = /\brole "(.+)" does not exist/.exec(said)?.[1];
  if (role !== undefined) {
    return `invctl db psql -- -c ${shellWord(`CREATE ROLE ${identifier(role)}`)}      (then the same command again; or a dump without owners: pg_dump --no-owner --no-privileges)`;
  }
  const extension =
    /\bextension "(.+)" is not available/.exec(said)?.[1] ??
    /control file ".*\/(.+)\.control"/.exec(said)?.[1];
  if (extension !== undefined) return `restore beside an image that has the extension ${extension}`;
  if (/invalid byte sequence for encoding|has no equivalent in encoding/.test(said)) {
    return "the file's text is not in the encoding that its line SET client_encoding names, or the database cannot hold it. Put the right name there, such as WIN1252, or make the database anew in the encoding of the dumped one";
  }
  return undefined;
}
