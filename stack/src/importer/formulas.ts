// A spreadsheet runs a cell that begins with one of these as a formula, whoever wrote it (OWASP, CSV injection). An
// export puts an apostrophe before it, and an import takes exactly that away again. A plain number stays one.
const RISKY = '[=+@\\t\\r\\n＝＋－＠-]';
const NUMBER = '^[+-]?[0-9]+([.][0-9]+)?$';

const ESCAPED = new RegExp(`^'+${RISKY}`);

/** The cell as it was before `safeCell`. */
export function originalCell(cell: string): string {
  return cell.startsWith("'") && ESCAPED.test(cell) ? cell.slice(1) : cell;
}

/** SQL for a text that may go into a CSV file. @param text an SQL expression. */
export function safeCell(text: string): string {
  return `CASE WHEN ${text} ~ E'^''*${RISKY}' AND ${text} !~ '${NUMBER}' THEN '''' || ${text} ELSE ${text} END`;
}
