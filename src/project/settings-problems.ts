import { z } from 'zod';
import { nearest } from './nearest.js';

export interface SettingsProblem {
  path: PropertyKey[];
  message: string;
}

/**
 * Returns a schema's objections to settings, key by key. They contain no value, because it may be a misplaced
 * secret.
 */
export function problemsOf(error: z.ZodError, schema: z.ZodType): SettingsProblem[] {
  return error.issues.flatMap((issue) => explain(issue, [], schema));
}

function explain(issue: z.core.$ZodIssue, above: PropertyKey[], schema: z.ZodType): SettingsProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path, schema);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      return {
        path: [...path, key],
        message: `unknown key, ${near === undefined ? `and not one of ${known.join(', ')}` : `did you mean ${near}?`}`,
      };
    });
  }
  if (issue.code === 'invalid_union') {
    // If the value may have several kinds, the kind that it was most likely meant to have.
    const meant = issue.errors.find((issues) => issues.some((one) => isInside(one)));
    if (meant) return meant.flatMap((one) => explain(one, path, schema));
  }
  return [{ path, message: issue.message }];
}

function isInside({ code, path }: z.core.$ZodIssue): boolean {
  return path.length > 0 || code === 'unrecognized_keys';
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

function keysAt(path: readonly PropertyKey[], schema: z.ZodType): string[] {
  let at: JsonSchema[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })];
  for (const step of path) {
    at = at.flatMap(alternatives).flatMap(({ properties, additionalProperties, items }) => {
      const below = properties?.[String(step)] ?? additionalProperties ?? items;
      return below && typeof below === 'object' && !Array.isArray(below) ? [below] : [];
    });
  }
  return at.flatMap(alternatives).flatMap(({ properties }) => Object.keys(properties ?? {}));
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return (schema.anyOf as JsonSchema[] | undefined) ?? [schema];
}
