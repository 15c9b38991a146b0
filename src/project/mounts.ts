import { invalidProject } from './invalid.js';
import type { Position } from './tree.js';

export interface ShortMount {
  type: 'bind' | 'volume';
  /** As written: a path, or the key of a named volume. Absent for an anonymous volume. */
  source?: string;
  target: string;
  readOnly: boolean;
}

/**
 * Parses a mount's short form, `[SOURCE:]TARGET[:OPTIONS]`. A source that looks like a path makes a bind
 * mount.
 * @throws UserError COMPOSE_INVALID
 */
export function parseMount(text: string, at: Position): ShortMount {
  const refuse = (reason: string) =>
    invalidProject('COMPOSE_INVALID', `invalid mount \`${text}\`: ${reason}`, at, 'write SOURCE:TARGET[:ro]');
  if (text === '') throw refuse('it is empty');
  if (text.length <= 2) return { type: 'volume', target: text, readOnly: false };
  const parts = splitParts(text);
  if (parts.includes('')) throw refuse('empty section between colons');
  if (parts.length > 3) throw refuse('too many colons');
  const [first, second, options] = parts as [string, string | undefined, string | undefined];
  if (second === undefined) return { type: 'volume', target: first, readOnly: false };
  let readOnly = false;
  for (const option of options?.split(',') ?? []) {
    if (option === 'ro') readOnly = true;
    if (option === 'rw') readOnly = false;
  }
  return { type: isPath(first) ? 'bind' : 'volume', source: first, target: second, readOnly };
}

/** Splits at colons, except after the letter of a Windows drive. */
function splitParts(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const character of text) {
    if (character === ':' && !/^\p{L}$/u.test(part)) {
      parts.push(part);
      part = '';
    } else {
      part += character;
    }
  }
  return [...parts, part];
}

function isPath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith('\\\\') || /^\p{L}:/u.test(source);
}
