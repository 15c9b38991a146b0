/** git's markers (`merge.conflictStyle=diff3`), which editors recognise. */
export const CONFLICT_MARKERS = {
  ours: '<<<<<<<',
  base: '|||||||',
  between: '=======',
  theirs: '>>>>>>>',
} as const;

/**
 * A line of seven `=` is a heading in many formats, so only the first and last lines of a conflict identify
 * it.
 */
const BEGIN_OR_END = /^(?:<{7}|>{7})(?: |\r?$)/;
const BEGIN = /^<{7}(?: |\r?$)/;

/**
 * Returns the line numbers, from 1, at which the conflicts of a file begin. If a beginning is missing, the
 * line at which the conflict ends.
 */
export function conflictLines(content: Uint8Array): number[] {
  const lines: number[] = [];
  let open = false;
  for (const [index, line] of Buffer.from(content).toString('latin1').split('\n').entries()) {
    if (!BEGIN_OR_END.test(line)) continue;
    const begins = BEGIN.test(line);
    if (begins || !open) lines.push(index + 1);
    open = begins;
  }
  return lines;
}
