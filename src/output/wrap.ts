/**
 * Breaks text at blanks. Runs of blanks, which separate a remark from a command, are kept.
 * @param columns infinite: one line.
 * @param indent precedes every line but the first.
 * @param lead precedes every line.
 */
export function wrap(text: string, columns: number, indent: string, lead = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<= )(?=\S)/)) {
    if (line !== '' && (line + word).trimEnd().length > columns - (lines.length > 0 ? indent.length : 0)) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
  }
  lines.push(line.trimEnd());
  return lines.map((one, index) => `${lead}${index > 0 ? indent : ''}${one}`).join('\n');
}
