import { UserError } from '../errors.js';

/** A generated block of a document is between two marker lines; all other text is the user's. */
const END_MARKER = '<!-- invctl:end -->';

function beginMarker(name: string): string {
  return `<!-- invctl:begin ${name} -->`;
}

/**
 * A document as a list of parts: the user's text, and generated blocks by name. Joined, the parts are the
 * document.
 */
export interface MarkedDocument {
  parts: ({ kind: 'text'; text: string } | { kind: 'block'; name: string; text: string })[];
  /** Line end of the document. */
  newline: '\n' | '\r\n';
}

const MARKER = /^ {0,3}<!--\s*invctl:(\S*)\s*(.*?)\s*-->\s*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;

/**
 * Finds the blocks of a document. Markers within fenced code are text.
 * @param file for messages
 * @param known allowed names of blocks
 * @throws UserError DOCS_MARKER with the line, for a marker that does not match
 */
export function findBlocks(text: string, file: string, known: readonly string[]): MarkedDocument {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const parts: MarkedDocument['parts'] = [];
  const seen = new Map<string, number>();
  let own = '';
  let block: { name: string; line: number; text: string } | undefined;
  let fence: string | undefined;
  for (const [index, line] of lines.entries()) {
    const bare = line.replace(/\r?\n$/, '').replace(/^\uFEFF/, '');
    const marker = fence === undefined || block ? MARKER.exec(bare) : null;
    const refuse = (message: string, hint: string) => markerError(file, index + 1, message, hint);
    if (!marker) {
      // Inside a block, a fence is generated text and ends with the block.
      if (!block) fence = fenceAfter(fence, bare);
      if (block) block.text += line;
      else own += line;
      continue;
    }
    const [, word, name = ''] = marker;
    if (word === 'begin') {
      if (block) {
        throw refuse(
          `the block "${name}" begins before "${block.name}", which began in line ${block.line}, has ended`,
          `put the line ${END_MARKER} where "${block.name}" ends`,
        );
      }
      if (!known.includes(name)) {
        throw refuse(
          name === '' ? 'a block begins without a name' : `no chapter is called "${name}"`,
          `chapters: ${known.join(', ')}      (or remove the marker)`,
        );
      }
      const first = seen.get(name);
      if (first !== undefined) {
        throw refuse(`the block "${name}" is there twice, first in line ${first}`, 'remove one of them');
      }
      seen.set(name, index + 1);
      if (own !== '') parts.push({ kind: 'text', text: own });
      own = '';
      block = { name, line: index + 1, text: line };
    } else if (word === 'end') {
      if (!block)
        throw refuse(
          'a block ends here that has not begun',
          `remove the line, or put ${beginMarker('NAME')} before it`,
        );
      parts.push({ kind: 'block', name: block.name, text: block.text + line });
      block = undefined;
    } else {
      throw refuse(`"invctl:${word}" is not a marker`, `write ${beginMarker('NAME')} or ${END_MARKER}`);
    }
  }
  if (block) {
    throw markerError(
      file,
      block.line,
      `the block "${block.name}" has no end`,
      `put the line ${END_MARKER} where it ends, or remove ${beginMarker(block.name)}`,
    );
  }
  if (own !== '') parts.push({ kind: 'text', text: own });
  return { parts, newline: newlineOf(text) };
}

function fenceAfter(open: string | undefined, line: string): string | undefined {
  const [, ticks = '', rest = ''] = FENCE.exec(line) ?? [];
  if (open === undefined) {
    // A line of backticks with more of them in it is inline code.
    return ticks === '' || (ticks.startsWith('`') && rest.includes('`')) ? undefined : ticks;
  }
  const closes = ticks.startsWith(open[0] as string) && ticks.length >= open.length && rest.trim() === '';
  return closes ? undefined : open;
}

function newlineOf(text: string): '\n' | '\r\n' {
  const crlf = text.split('\r\n').length - 1;
  return crlf > text.split('\n').length - 1 - crlf ? '\r\n' : '\n';
}

function markerError(file: string, line: number, message: string, hint: string): UserError {
  return new UserError({ code: 'DOCS_MARKER', message, hint, file, line });
}

/**
 * Returns a document with its blocks written again in their places; a document without blocks gets all of
 * them at its end.
 * @param write returns a block's text without its markers
 */
export function fillBlocks(
  { parts, newline }: MarkedDocument,
  names: readonly string[],
  write: (name: string, present: readonly string[]) => string,
): string {
  const present = parts.flatMap((part) => (part.kind === 'block' ? [part.name] : []));
  const rendered = (name: string, all: readonly string[]) =>
    `${beginMarker(name)}\n\n${write(name, all)}\n\n${END_MARKER}\n`.replaceAll('\n', newline);
  if (present.length > 0) {
    return parts
      .map((part, index) => {
        if (part.kind === 'text') return part.text;
        const bom = part.text.startsWith('\uFEFF') ? '\uFEFF' : '';
        const text = bom + rendered(part.name, present);
        const last = index === parts.length - 1 && !part.text.endsWith('\n');
        return last ? text.slice(0, -newline.length) : text;
      })
      .join('');
  }
  const before = parts.map(({ text }) => text).join('');
  const gap =
    before === '' || /\n\r?\n$/.test(before) ? '' : before.endsWith('\n') ? newline : newline + newline;
  return before + gap + names.map((name) => rendered(name, names)).join(newline);
}
