import { diff3MergeRegions, diffComm } from 'node-diff3';
import { parseAllDocuments } from 'yaml';
import { CONFLICT_MARKERS, conflictLines } from './conflict-markers.js';
import { mergeJson } from './merge-json.js';

/** What became of a file that the person and the template both changed. */
export type MergedFile =
  | { outcome: 'merged'; content: Buffer }
  /** Both changed the same lines: both stand in the file, between markers. */
  | { outcome: 'conflict'; content: Buffer; lines: number[] }
  /** It cannot be merged by lines, or the merged text could not be read any more. The person's stays as it is. */
  | { outcome: 'apart'; reason: 'binary' | 'invalid' };

interface Versions {
  /** Of the template that the scaffold was made from; undefined where nobody knows it, or there was none. */
  base: Buffer | undefined;
  ours: Buffer;
  theirs: Buffer;
}

/** What stands behind the markers of a conflict. */
export interface Labels {
  base: string;
  ours: string;
  theirs: string;
}

/**
 * Merges what the template changed into what the person changed. Bytes that no change touches stay as they are,
 * whatever their encoding; line ends are the person's. Without a base, whatever differs is a conflict.
 *
 * @param path tells JSON and YAML, whose result has to be readable where all that went into it was
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

/** The same content, but for its line ends: a checkout with CRLF is no edit. */
export function sameText(a: Buffer, b: Buffer): boolean {
  if (a.equals(b)) return true;
  if (isBinary(a) || isBinary(b) || lineEnd(a) !== '\r\n') return false;
  return withLineEnds(a, '\n').equals(b);
}

/** A text as the template writes it; what is no text stays as it is. */
export function inUnixLineEnds(content: Buffer): Buffer {
  return isBinary(content) ? content : withLineEnds(content, '\n');
}

/** New content for a file in whose place another stands, with that one's line ends. */
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

/** As git sees it, a file with a NUL; UTF-16 is such a file too. */
function isBinary(content: Buffer): boolean {
  return content.includes(0);
}

/** The line end of every line; undefined where a file has both kinds, or none. */
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

/** Lines without the line end of the last one, which is merged by itself. */
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
