/** Formats text as Markdown, with any names of the project. */

/** Formats a name or a command as code. If it contains backticks, the fence has more of them. */
export function code(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  const longest = Math.max(0, ...[...flat.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 || flat === '' || flat.trim() !== flat ? ' ' : '';
  return `${fence}${pad}${flat}${pad}${fence}`;
}

/** Escapes free text: only code in backticks is markup. */
export function plain(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  const parts = flat.split('`');
  // Code in backticks stays code if all backticks are closed.
  if (parts.length % 2 === 0) return escaped(flat);
  return parts.map((part, index) => (index % 2 === 0 ? escaped(part) : code(part))).join('');
}

function escaped(text: string): string {
  return text
    .replace(/[\\`*[\]<>|~#]/g, (character) => `\\${character}`)
    .replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\_');
}

/** Formats a block of code; its fence is longer than any in the text. */
export function fence(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/^\s*(`{3,})/gm)].map((match) => (match[1] ?? '').length));
  const ticks = '`'.repeat(longest + 1);
  // An HTML comment would be read as one of our markers.
  return `${ticks}${language}\n${text.replaceAll('<!--', '<\u200b!--')}\n${ticks}`;
}

/** Formats a table. Cells are Markdown already; columns that are empty in every row are left out. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const kept = header.map((_, column) => rows.some((row) => (row[column] ?? '') !== ''));
  const line = (cells: readonly string[]) =>
    `| ${cells
      .filter((_, column) => kept[column])
      .map((cell) =>
        cell
          .replace(/\|/g, '\\|')
          .replace(/\\\\\|/g, '\\|')
          .replace(/\n/g, '<br>'),
      )
      .join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Joins names for a sentence: `a`, `a and b`, `a, b and c`. */
export function sentence(items: readonly string[]): string {
  if (items.length < 2) return items[0] ?? '';
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** `1 service`, `3 services`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Joins paragraphs, tables and diagrams with an empty line between them; empty ones are left out. */
export function paragraphs(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined && part !== '').join('\n\n');
}

/** Returns the anchor of a heading, as GitHub and GitLab make it. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** `5 s`, `250 ms`, `5 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = milliseconds / 1000;
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
