import { diff3MergeRegions, diffComm } from 'node-diff3';
import { parseAllDocuments } from 'yaml';
import { CONFLICT_MARKERS, conflictLines } from './conflict-markers.js';
import { mergeJson } from './merge-json.js';

/** The result for a file that the user and the template both changed. */
export type MergedFile =
  | { outcome: 'merged'; content: Buffer }
  /** Both changed the same lines: the file contains both, between markers. */
  | { outcome: 'conflict'; content: Buffer; lines: number[] }
  /** It cannot be merged by lines, or the merged text would be invalid. The user's file stays as it is. */
  | { outcome: 'apart'; reason: 'binary' | 'invalid' };

interface Versions {
  /** Content in the template that the scaffold was made from; undefined if it is unknown or did not exist. */
  base: Buffer | undefined;
  ours: Buffer;
  theirs: Buffer;
}

/** Texts after the markers of a conflict. */
export interface Labels {
  base: string;
  ours: string;
  theirs: string;
}

/**
 * Merges the template's changes into the user's file. Bytes that no change touches stay, in any encoding;
 * line ends are the user's. Without a base, every difference is a conflict.
 * @param path decides whether it is JSON or YAML: then the result must be valid if all of its sources are
 */
export function mergeFile(path: string, { base, ours, theirs }: Versions, labels: Labels): MergedFile {
  if ([base, ours, theirs].some((content) => content && isBinary(content))) {
    return { outcome: 'apart', reason: 'binary' };
  }
  const end = lineEnd(ours);
  const plain = (content: Buffer) => withLineEnds(content, '\n').toString('latin1');
  const texts = {
    base: base && plain(base),
    ours: end ? plain(ours) : ours.toString('latin1'),
    theirs: plain(theirs),
  };
  const written = (text: string) => withLineEnds(Buffer.from(text, 'latin1'), end ?? '\n', end === undefined);

  const json =
    /\.json$/.test(path) && texts.base !== undefined
      ? mergeJson(texts.base, texts.ours, texts.theirs)
      : undefined;
  if (json !== undefined) return { outcome: 'merged', content: written(json) };
  const { lines, conflicts } =
    texts.base === undefined
      ? mergeTwo(split(texts.ours), split(texts.theirs), labels)
      : mergeThree(split(texts.base), split(texts.ours), split(texts.theirs), labels);
  const merged = lines.join('\n') + finalLineEnd(texts, conflicts);
  const content = written(merged);
  if (conflicts) return { outcome: 'conflict', content, lines: conflictLines(content) };
  const readable = READERS.find(({ files }) => files.test(path))?.reads ?? (() => true);
  if (readable(texts.ours) && readable(texts.theirs) && !readable(merged)) {
    return { outcome: 'apart', reason: 'invalid' };
  }
  return { outcome: 'merged', content };
}

/** Whether the content is the same apart from line ends: a checkout with CRLF is not an edit. */
export function sameText(a: Buffer, b: Buffer): boolean {
  if (a.equals(b)) return true;
  if (isBinary(a) || isBinary(b) || lineEnd(a) !== '\r\n') return false;
  return withLineEnds(a, '\n').equals(b);
}

/** Returns a text with the template's line ends; content that is not a text is unchanged. */
export function inUnixLineEnds(content: Buffer): Buffer {
  return isBinary(content) ? content : withLineEnds(content, '\n');
}

/** Returns new content with the line ends of the file that it replaces. */
export function inLineEndsOf(existing: Buffer, content: Buffer): Buffer {
  return lineEnd(existing) === '\r\n' && !isBinary(content) ? withLineEnds(content, '\r\n') : content;
}

const READERS: { files: RegExp; reads: (text: string) => boolean }[] = [
  { files: /\.json$/, reads: readsAsJson },
  {
    files: /\.ya?ml$/,
    reads: (text) =>
      [...parseAllDocuments(text, { logLevel: 'silent' })].every(({ errors }) => errors.length === 0),
  },
];

function readsAsJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** By git's rule, a file with a NUL byte; that includes UTF-16. */
function isBinary(content: Buffer): boolean {
  return content.includes(0);
}

/** Returns the line end of all lines; undefined if a file has both kinds, or none. */
function lineEnd(content: Buffer): '\n' | '\r\n' | undefined {
  const text = content.toString('latin1');
  const all = text.match(/\n/g)?.length ?? 0;
  const windows = text.match(/\r\n/g)?.length ?? 0;
  if (all === 0) return undefined;
  return windows === 0 ? '\n' : windows === all ? '\r\n' : undefined;
}

function withLineEnds(content: Buffer, end: '\n' | '\r\n', asItIs = false): Buffer {
  if (asItIs) return content;
  return Buffer.from(content.toString('latin1').replace(/\r?\n/g, end), 'latin1');
}

/** Returns lines. The last one has no line end, because that is merged separately. */
function split(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function finalLineEnd(
  texts: { base: string | undefined; ours: string; theirs: string },
  conflicts: boolean,
): string {
  const ends = (text: string) => (text === '' || text.endsWith('\n') ? '\n' : '');
  if (conflicts) return '\n';
  const { base, ours, theirs } = texts;
  return base === undefined || ends(ours) !== ends(base) ? ends(ours) : ends(theirs);
}

interface MergedLines {
  lines: string[];
  conflicts: boolean;
}

function mergeThree(base: string[], ours: string[], theirs: string[], labels: Labels): MergedLines {
  const lines: string[] = [];
  let conflicts = false;
  for (const region of diff3MergeRegions(ours, base, theirs)) {
    if (region.stable) {
      lines.push(...region.bufferContent);
    } else if (sameLines(region.aContent, region.bContent)) {
      lines.push(...region.aContent);
    } else {
      conflicts = true;
      lines.push(...marked(region.aContent, region.bContent, labels, region.oContent));
    }
  }
  return { lines, conflicts };
}

function mergeTwo(ours: string[], theirs: string[], labels: Labels): MergedLines {
  const lines: string[] = [];
  let conflicts = false;
  for (const region of diffComm(ours, theirs)) {
    if ('common' in region) {
      lines.push(...(region.common as string[]));
    } else {
      conflicts = true;
      lines.push(...marked(region.buffer1, region.buffer2, labels));
    }
  }
  return { lines, conflicts };
}

function marked(ours: string[], theirs: string[], labels: Labels, base?: string[]): string[] {
  return [
    `${CONFLICT_MARKERS.ours} ${labels.ours}`,
    ...ours,
    ...(base ? [`${CONFLICT_MARKERS.base} ${labels.base}`, ...base] : []),
    CONFLICT_MARKERS.between,
    ...theirs,
    `${CONFLICT_MARKERS.theirs} ${labels.theirs}`,
  ];
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
