import { Ajv, type FuncKeywordDefinition, type SchemaValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifyTypeProvider } from 'fastify';
import fp from 'fastify-plugin';
import { z } from 'zod';
import { TEXT_KEYWORD, TEXT_RULES } from '../../fields.js';

/** Lets a route's handler see its input as its zod schemas describe it. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as JsonSchema;
}

type JsonSchema = z.core.JSONSchema.BaseSchema & {
  readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>;
};

/** The first rule that a text breaks. A text with control characters has broken its `pattern` already. */
const checkText: SchemaValidateFunction = (kind: keyof typeof TEXT_RULES, value: string) => {
  const broken = TEXT_RULES[kind].find(({ holds }) => !holds(value));
  if (!broken || /\p{Cc}/u.test(value) || value === '') return true;
  checkText.errors = [{ keyword: broken.code, message: broken.message, params: {} }];
  return false;
};
const TEXT_VALIDATION: FuncKeywordDefinition = {
  keyword: TEXT_KEYWORD,
  type: 'string',
  schemaType: 'string',
  errors: true,
  validate: checkText,
};

/**
 * A body of up to so many values has all its flaws found, one with more the first: to collect them costs more than it
 * helps.
 */
const VALUES_OF_ALL_FLAWS = 2000;

/**
 * Input schemas are zod; what checks a request is ajv's code for the same schema, which is several times faster.
 * So a schema may only use what JSON Schema can say, and `x-text` (fields.ts): no transform, no refinement. Bodies are taken as they are;
 * parameters arrive as text, of which integers and booleans are read. Each validator is compiled at its first use.
 */
export default fp(
  async (app: FastifyInstance) => {
    const options = {
      useDefaults: true,
      removeAdditional: false,
      coerceTypes: false,
      strict: false,
    } as const;
    const [first, all] = [false, true].map((allErrors) =>
      addFormats.default(new Ajv({ ...options, allErrors })).addKeyword(TEXT_VALIDATION),
    ) as [Ajv, Ajv];

    app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => {
      let json: JsonSchema | undefined;
      let validate: ReturnType<typeof first.compile> | undefined;
      let validateAll: typeof validate;
      return (data) => {
        json ??= jsonSchema(schema);
        validate ??= first.compile(json);
        if (httpPart !== 'body') readParameters(data, json);
        if (validate(data)) return { value: data };
        if (!hasMoreValues(data, VALUES_OF_ALL_FLAWS)) {
          validateAll ??= all.compile(json);
          validateAll(data);
          return { error: (validateAll.errors ?? []) as never };
        }
        return { error: (validate.errors ?? []) as never };
      };
    });
    // Most bodies leave as text that PostgreSQL built; the few others are small. Schemas of answers are checked
    // against real answers by the tests, not here at every request.
    app.setSerializerCompiler(() => JSON.stringify);
  },
  { name: 'validation' },
);

/** Whether there are more than `limit` values in a value, at any depth. It looks at no more than that. */
function hasMoreValues(value: unknown, limit: number): boolean {
  const open = [value];
  for (let seen = 0; open.length > 0; seen += 1) {
    if (seen + open.length > limit) return true;
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    for (const key in next) {
      open.push((next as Record<string, unknown>)[key]);
      if (open.length > limit) return true;
    }
  }
  return false;
}

/** Reads what is written as JSON writes it, in place; what is written otherwise stays text, and is refused as such. */
function readParameters(parameters: unknown, { properties = {} }: JsonSchema): void {
  const values = parameters as Record<string, unknown>;
  for (const [name, { type }] of Object.entries(properties)) {
    const value = values[name];
    if (typeof value !== 'string') continue;
    if (type === 'integer' && /^(0|-?[1-9]\d{0,15})$/.test(value)) values[name] = Number(value);
    if (type === 'boolean' && /^(true|false)$/.test(value)) values[name] = value === 'true';
  }
}
