import type { z } from 'zod';

// What a flaw of some input is called: zod finds it, and a client reads of it in the terms of the OpenAPI document.

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

const FORMATS: Readonly<Record<string, string>> = {
  date: 'must be a date such as 2026-01-31',
  datetime: 'must be a time such as 2026-01-31T09:30:00Z',
  email: 'must be an e-mail address',
};

/** What is said of a flaw for which its schema has no words of its own, as the end of a sentence. */
export function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return bound('at least', Number(issue.minimum), issue.origin);
    case 'too_big':
      return bound('at most', Number(issue.maximum), issue.origin);
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`;
    case 'unrecognized_keys':
      return 'is not known here';
    case 'invalid_format':
      return FORMATS[issue.format] ?? `must match ${issue.pattern}`;
    default:
      return undefined;
  }
}

function bound(relation: string, limit: number, origin: string): string {
  if (origin === 'string')
    return `must have ${relation} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
  if (origin === 'array') return `must have ${relation} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return `must be ${relation} ${limit}`;
}

/**
 * The keyword of JSON Schema that a flaw is one of.
 *
 * @param input what the flaw was found in.
 */
export function keywordOf(issue: z.core.$ZodIssue, input: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return valueAt(input, issue.path) === undefined ? 'required' : 'type';
    case 'too_small':
      return { string: 'minLength', array: 'minItems' }[issue.origin as string] ?? 'minimum';
    case 'too_big':
      return { string: 'maxLength', array: 'maxItems' }[issue.origin as string] ?? 'maximum';
    case 'invalid_value':
      return issue.values.length > 1 ? 'enum' : 'const';
    case 'unrecognized_keys':
      return 'additionalProperties';
    case 'invalid_format':
      return issue.format === 'regex' ? 'pattern' : 'format';
    default:
      return issue.code === 'custom' ? (issue.params?.keyword ?? 'format') : issue.code;
  }
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
}
