import type { Reference } from './tree.js';

/** A template that Compose refuses. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code: 'INTERPOLATION_SYNTAX' | 'VARIABLE_REQUIRED';

  constructor(code: TemplateError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface Interpolated {
  text: string;
  /** Every variable that was looked up, in order, including those of unused defaults. */
  references: Reference[];
  /** Variables that are not set, have no default, and so became empty: Compose warns about each. */
  unset: string[];
}

// Go's regular expression of compose-go's `template` package. `.` there is every character but a line feed,
// and its case folding is Unicode's, hence `u`.
const VARIABLE =
  /\$(?:(?<escaped>\$)|(?<named>[_a-z][_a-z0-9]*)|\{(?:(?<braced>[_a-z][_a-z0-9]*(?::?[-+?](?:[^\n]*))?)\}|(?<invalid>)))/giu;
const OPERATOR = /^([^:?+-]+)(:\?|\?|:-|-|:\+|\+)(.*)$/s;

/**
 * Resolves `$X`, `${X}`, `${X:-default}`, `${X-default}`, `${X:?message}`, `${X?message}`, `${X:+other}`,
 * `${X+other}` and `$$` as Compose does: defaults and messages are templates themselves, and are resolved
 * even if they are not used. A dollar sign before any other character stays.
 * @throws TemplateError for `${` that begins no expression, and for an unset variable with `:?` or `?`.
 */
export function interpolate(template: string, lookup: (name: string) => string | undefined): Interpolated {
  const references: Reference[] = [];
  const unset: string[] = [];

  const read = (name: string): string | undefined => {
    const value = lookup(name);
    references.push({ name, value });
    return value;
  };

  function substitute(text: string): string {
    return text.includes('$') ? text.replace(VARIABLE, (match) => replacement(match, text)) : text;
  }

  function replacement(match: string, text: string): string {
    // The expression is greedy: it ends at the last brace of the line. The text after the brace that closes
    // it is a template of its own.
    const closing = closingBrace(match);
    const expression = closing < 0 ? match : match.slice(0, closing + 1);
    const rest = closing < 0 ? '' : match.slice(closing + 1);
    VARIABLE.lastIndex = 0;
    const groups = VARIABLE.exec(expression)?.groups ?? {};
    VARIABLE.lastIndex = 0;
    if (groups.escaped) return '$';
    const operation = groups.braced === undefined ? null : OPERATOR.exec(groups.braced);
    if (operation) {
      const [, name, operator, operand] = operation as unknown as [string, string, string, string];
      return apply(name, operator, operand) + substitute(rest);
    }
    const name = groups.named ?? groups.braced;
    if (!name) {
      throw new TemplateError('INTERPOLATION_SYNTAX', `\`${excerpt(text)}…\` is not a valid interpolation`);
    }
    const value = read(name);
    if (value === undefined) unset.push(name);
    return value ?? '';
  }

  function apply(name: string, operator: string, operand: string): string {
    const alternative = substitute(operand);
    const value = read(name);
    const present = value !== undefined && (value !== '' || !operator.startsWith(':'));
    switch (operator.at(-1)) {
      case '-':
        return present ? value : alternative;
      case '+':
        return present ? alternative : (value ?? '');
      default:
        if (present) return value;
        throw new TemplateError(
          'VARIABLE_REQUIRED',
          // The message is not resolved, because its variables may contain secrets.
          `the variable ${name} is required and has no value${operand ? `: ${operand}` : ''}`,
        );
    }
  }

  return { text: substitute(template), references, unset };
}

/** Index of the brace that closes the first `{`, or -1. The character after an opening brace is skipped. */
function closingBrace(text: string): number {
  let open = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '}' && --open === 0) return index;
    if (text[index] === '{') {
      open++;
      index++;
    }
  }
  return -1;
}

/** Returns the first expression of a refused template up to its name: the rest may contain a secret. */
function excerpt(text: string): string {
  return /\$\{\w*/.exec(text)?.[0] ?? '$';
}
