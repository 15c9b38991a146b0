/** What separates cells: the first is RFC 4180's, the others are what spreadsheets write in half of the world. */
export const DELIMITERS = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** Where a header is looked for. */
const HEAD_LIMIT = 64 * 1024;

/** How a file separates its cells, and where its header begins: after a line `sep=;`, which is Excel's own. */
export interface Separation {
  readonly delimiter: Delimiter;
  readonly start: number;
}

/**
 * Finds the delimiter by the header: the one that is there most often outside of quotes.
 *
 * @param text the beginning of the file.
 * @param last whether there is no more of it.
 * @returns nothing where the header is not there as a whole yet.
 */
export function separationOf(text: string, last: boolean): Separation | undefined {
  const declared = /^sep=([,;\t|])(\r\n?|\n)/i.exec(text);
  if (declared) return { delimiter: declared[1] as Delimiter, start: declared[0].length };
  const counts = new Map<string, number>(DELIMITERS.map((delimiter) => [delimiter, 0]));
  let quoted = false;
  let content = false;
  for (const character of text.slice(0, HEAD_LIMIT)) {
    if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character !== '\r' && character !== '\n') {
      content = true;
      const count = counts.get(character);
      if (count !== undefined) counts.set(character, count + 1);
    } else if (content) return { delimiter: mostFrequent(counts), start: 0 };
  }
  return last || text.length >= HEAD_LIMIT ? { delimiter: mostFrequent(counts), start: 0 } : undefined;
}

function mostFrequent(counts: ReadonlyMap<string, number>): Delimiter {
  return DELIMITERS.reduce((best, delimiter) =>
    (counts.get(delimiter) ?? 0) > (counts.get(best) ?? 0) ? delimiter : best,
  );
}
