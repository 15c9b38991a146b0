/** As git writes them (`merge.conflictStyle=diff3`), so that editors offer their buttons. */
export const CONFLICT_MARKERS = {
  ours: '<<<<<<<',
  base: '|||||||',
  between: '=======',
  theirs: '>>>>>>>',
} as const;

/** A line of seven `=` is a heading in many formats, so a conflict is told by its first and its last line. */
const BEGIN_OR_END = /^(?:<{7}|>{7})(?: |\r?$)/;
const BEGIN = /^<{7}(?: |\r?$)/;

/** The lines, from 1, at which the conflicts of a file begin; of one whose beginning is gone, at which it ends. */
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
