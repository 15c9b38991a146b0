import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifyTypeProvider } from 'fastify';
import fp from 'fastify-plugin';
import { z } from 'zod';

/** Lets a route's handler see its input as its zod schemas describe it. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
}

function jsonSchema(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
}

/**
 * Input schemas are zod; what checks a request is ajv's code for the same schema, which is several times faster.
 * So a schema may only use what JSON Schema can say: no transform, no refinement. Bodies are taken as they are;
 * parameters arrive as text and are coerced. Each validator is compiled at its first use.
 */
export default fp(
  async (app: FastifyInstance) => {
    const options = { allErrors: true, useDefaults: true, removeAdditional: false, strict: false } as const;
    const exact = addFormats.default(new Ajv({ ...options, coerceTypes: false }));
    const coercing = addFormats.default(new Ajv({ ...options, coerceTypes: true }));

    app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => {
      const ajv = httpPart === 'body' ? exact : coercing;
      let validate: ReturnType<typeof ajv.compile> | undefined;
      return (data) => {
        validate ??= ajv.compile(jsonSchema(schema));
        if (validate(data)) return { value: data };
        return { error: (validate.errors ?? []) as never };
      };
    });
    // Most bodies leave as text that PostgreSQL built; the few others are small. Schemas of answers are checked
    // against real answers by the tests, not here at every request.
    app.setSerializerCompiler(() => JSON.stringify);
  },
  { name: 'validation' },
);
