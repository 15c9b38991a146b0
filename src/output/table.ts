import { stripVTControlCharacters } from 'node:util';

/**
 * Prints aligned columns, two spaces apart, without trailing blanks. Put text that may be wide (CJK paths)
 * last.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => visibleLength(row[column] ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - visibleLength(cell)),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Length without colour codes, in code points. */
export function visibleLength(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
