/** A text of SQL, split into whole statements and the beginning of one that needs more lines. */
export interface SplitSql {
  /** Without their semicolons. */
  statements: string[];
  /** Empty if only blanks and comments are left. */
  rest: string;
  /** The construct that the rest is inside of, for a prompt; absent between statements. */
  open?: 'statement' | 'quote' | 'identifier' | 'dollar quote' | 'comment' | 'parenthesis';
}

const TOKEN =
  /--[^\n]*|\/\*|\*\/|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[eE]'|'|"|\(|\)|;|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*/g;

/**
 * Splits SQL at the semicolons that end statements, as psql does: not in quotes, dollar quotes, comments,
 * parentheses, nor in the body of a function that is written `BEGIN ATOMIC … END`.
 *
 * The lexical rules are those of PostgreSQL's manual, section "Lexical Structure".
 */
export function splitSql(text: string): SplitSql {
  const statements: string[] = [];
  let start = 0;
  let parentheses = 0;
  let body = 0;
  let words: string[] = [];
  let open: SplitSql['open'];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const token = match[0];
    const end = closingIndex(text, token, TOKEN.lastIndex);
    if (end === undefined) {
      open = kindOf(token);
      break;
    }
    TOKEN.lastIndex = end;
    if (token === '(') parentheses += 1;
    else if (token === ')') parentheses = Math.max(0, parentheses - 1);
    else if (token === ';' && parentheses === 0 && body === 0) {
      const statement = text.slice(start, match.index).trim();
      if (words.length > 0 || statement !== '') statements.push(statement);
      start = end;
      words = [];
    } else if (/^[a-z_]/i.test(token) && parentheses === 0) {
      const word = token.toLowerCase();
      if (words.length < 4) words.push(word);
      if (createsRoutine(words)) body = Math.max(0, body + nesting(word, body));
    }
  }
  const rest = isBlank(text.slice(start)) && open !== 'comment' ? '' : text.slice(start).trimStart();
  const inside = open ?? (parentheses > 0 ? 'parenthesis' : rest === '' ? undefined : 'statement');
  return { statements, rest, ...(inside === undefined ? {} : { open: inside }) };
}

/**
 * Returns the index where the construct that a token opens ends; the token's own end if it opens none;
 * undefined: not yet.
 */
function closingIndex(text: string, token: string, from: number): number | undefined {
  if (token === '/*') return commentEnd(text, from);
  if (token.startsWith('$')) return after(text.indexOf(token, from), token.length);
  if (token === '"') return quoteEnd(text, /""|"/g, '"', from);
  if (token === "'") return quoteEnd(text, /''|'/g, "'", from);
  if (/^e'$/i.test(token)) return quoteEnd(text, /\\[\s\S]|''|'/g, "'", from);
  return from;
}

function after(index: number, length: number): number | undefined {
  return index < 0 ? undefined : index + length;
}

function quoteEnd(text: string, inside: RegExp, close: string, from: number): number | undefined {
  inside.lastIndex = from;
  for (let match = inside.exec(text); match; match = inside.exec(text)) {
    if (match[0] === close) return inside.lastIndex;
  }
  return undefined;
}

/** Returns the end of a comment; comments nest in PostgreSQL. */
function commentEnd(text: string, from: number): number | undefined {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let depth = 1;
  for (let match = mark.exec(text); match; match = mark.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return undefined;
}

function kindOf(token: string): NonNullable<SplitSql['open']> {
  if (token === '/*') return 'comment';
  if (token === '"') return 'identifier';
  return token.startsWith('$') ? 'dollar quote' : 'quote';
}

function createsRoutine(words: readonly string[]): boolean {
  const [first, second, third, fourth] = words;
  const object = second === 'or' && third === 'replace' ? fourth : second;
  return first === 'create' && (object === 'function' || object === 'procedure');
}

function nesting(word: string, depth: number): number {
  if (word === 'begin') return 1;
  if (word === 'case' && depth > 0) return 1;
  return word === 'end' ? -1 : 0;
}

function isBlank(text: string): boolean {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() === '';
}
