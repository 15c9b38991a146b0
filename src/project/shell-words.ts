/**
 * Splits a command as Compose does (go-shellwords): quotes as in a shell, a backslash before any character
 * means that character, no variables, and nothing after an unquoted `;`, `&`, `|`, `<` or `>`. Undefined if a
 * quote or a bracket is not closed.
 */
export function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word = '';
  let started = false;
  let escaped = false;
  let quote: "'" | '"' | undefined;
  let backquoted = false;
  let substitution = false;

  for (const character of text) {
    if (escaped) {
      word += character;
      escaped = false;
      started = true;
      continue;
    }
    if (character === '\\') {
      if (quote === "'") word += character;
      else escaped = true;
      continue;
    }
    if (/[ \t\r\n]/.test(character)) {
      if (quote || backquoted || substitution) word += character;
      else if (started) {
        words.push(word);
        word = '';
        started = false;
      }
      continue;
    }
    if (character === '`' && !quote && !substitution) backquoted = !backquoted;
    if (character === ')' && !quote && !backquoted) substitution = !substitution;
    if (character === '(' && !quote && !backquoted) {
      if (substitution || !word.endsWith('$')) return undefined;
      substitution = true;
      word += character;
      continue;
    }
    if ((character === '"' || character === "'") && !substitution && (!quote || quote === character)) {
      if (quote) started = true;
      quote = quote ? undefined : character;
      continue;
    }
    if (/[;&|<>]/.test(character) && !quote && !backquoted && !substitution) {
      // `2>` redirects: its digit is not a word.
      if (character === '>' && /^[0-9]/.test(word)) started = false;
      break;
    }
    started = true;
    word += character;
  }
  if (started) words.push(word);
  return escaped || quote || backquoted || substitution ? undefined : words;
}
