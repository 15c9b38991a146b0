const PART = /\s*(?:"((?:[^"]|"")*)"|([^\s".]+))\s*(\.|$)/y;

/**
 * Returns the schema and the name that SQL text names, such as `public."a.b"`; without a schema, one part. What is
 * not quoted is in lower case. Undefined: the text is no name.
 */
export function nameParts(text: string): string[] | undefined {
  const parts: string[] = [];
  PART.lastIndex = 0;
  for (;;) {
    const [, quoted, bare, separator] = PART.exec(text) ?? [];
    if (separator === undefined) return undefined;
    parts.push(quoted?.replaceAll('""', '"') ?? foldCase(bare as string));
    if (separator === '') return parts;
  }
}

/** Returns SQL text of a name, quoted where it has to be. */
export function joinName(parts: readonly string[]): string {
  return parts
    .map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join('.');
}

/** Returns a key that two names have in common if they are of the same object, whether they are quoted or not. */
export function nameKey(text: string): string {
  return JSON.stringify(nameParts(text) ?? text);
}

function foldCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
