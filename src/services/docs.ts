import { mkdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { type WrittenDocument, writeDocument } from '../architecture/document.js';
import { code } from '../architecture/markdown.js';
import { hasErrorCode, UserError } from '../errors.js';
import { fileDiff } from '../project/file-diff.js';
import type { ProjectLocation } from '../project/locate.js';
import { explainFileError, explainReadError, writeFileAtomic } from '../system/files.js';
import { describeStack } from './architecture/describe.js';
import type { ServiceContext } from './context.js';

/** Default path of the document; each environment has its own. */
function defaultFile({ directory, environment }: ProjectLocation): string {
  return join(directory, 'docs', `ARCHITECTURE${environment ? `.${environment.name}` : ''}.md`);
}

export const STDOUT = '-';

export interface DocumentInput {
  /** Path relative to the working directory, or `-`. */
  output?: string | undefined;
  /** Compare and write nothing. */
  check: boolean;
  /** Turns a command into what a person types in the described environment. */
  typed?: (text: string) => string;
}

export interface DocumentResult extends Omit<WrittenDocument, 'text'> {
  project: string;
  /** Absolute, or `-`. */
  file: string;
  state: 'created' | 'updated' | 'unchanged' | 'printed' | 'stale' | 'absent';
  /** With `check`, when the document differs from what the files say. */
  diff?: string;
  /** With `-`. */
  text?: string;
}

/**
 * Writes the project's architecture document from the files of its repository, or compares it with them.
 *
 * @throws UserError DOCS_MARKER, DOCS_NOT_TEXT; exit code 4 for a project that Compose refuses
 */
export async function projectDocument(
  context: ServiceContext,
  { output, check, typed }: DocumentInput,
): Promise<DocumentResult> {
  const location = context.project();
  const { directory, name } = location;
  const stack = await describeStack(context);
  const project = stack.named ? stack.name : name;
  const asked =
    output === STDOUT || output === undefined ? defaultFile(location) : resolve(context.directory, output);
  const file = await realpath(asked).catch(() => asked);
  const paths = { link: (path: string) => linkTo(path, directory, dirname(file)) };
  if (output === STDOUT) {
    const { text, ...written } = writeDocument(stack, undefined, STDOUT, paths, typed);
    return { project, file: STDOUT, state: 'printed', text, ...written };
  }
  const before = await textOf(file);
  const { text, ...written } = writeDocument(stack, before, file, paths, typed);
  const common = { project, file, ...written };
  if (before === text) return { ...common, state: 'unchanged' };
  if (check) {
    const shown = relative(directory, file);
    const diff = fileDiff(shown, { text: before ?? '' }, { text }, (line) => line);
    return { ...common, state: before === undefined ? 'absent' : 'stale', diff };
  }
  await mkdir(dirname(file), { recursive: true }).catch((error) => {
    throw explainFileError(error, file);
  });
  await writeFileAtomic(file, text);
  return { ...common, state: before === undefined ? 'created' : 'updated' };
}

async function textOf(file: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    if (hasErrorCode(error, 'EISDIR')) {
      throw new UserError({
        code: 'DOCS_NOT_TEXT',
        message: `${file} is a folder`,
        hint: `invctl docs -o ${join(file, 'ARCHITECTURE.md')}`,
        file,
      });
    }
    throw explainReadError(error, file);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new UserError({
      code: 'DOCS_NOT_TEXT',
      message: `${file} is not UTF-8 text: writing it again would damage it`,
      hint: `iconv -f ISO-8859-1 -t UTF-8 ${file}      (or another file: invctl docs -o FILE)`,
      file,
      cause: error,
    });
  }
}

/**
 * A link from the document when both are in the project; else only the name, which is the same on every
 * machine.
 */
function linkTo(path: string, directory: string, from: string): string {
  const outside = /^(?:\.\.|\/|~)|:\/\/|\$\{/.test(path) || relative(directory, from).startsWith('..');
  if (outside) return code(path);
  const target = relative(from, join(directory, path)).split('/').map(encodeURIComponent).join('/');
  return `[${code(path)}](${target.replace(/[()]/g, (sign) => (sign === '(' ? '%28' : '%29'))})`;
}
