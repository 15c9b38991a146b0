import type { FastifyInstance, FastifyTypeProvider } from 'fastify';
import fp from 'fastify-plugin';
import { validatorCompiler } from 'fastify-zod-openapi';
import { z } from 'zod';
import { messageOf } from './flaws.js';

/**
 * Lets a route's handler see its input as its zod schemas describe it. It asks no schema whether it is one: the compiler
 * would compare all of zod for that, at each edit of a route.
 */
export interface ZodTypes extends FastifyTypeProvider {
  validator: z.output<this['schema']>;
}

/**
 * A route's zod schemas check its requests and are its part of the OpenAPI document. Bodies are taken as they are;
 * parameters arrive as text, of which integers and booleans are read.
 */
export default fp(
  async (app: FastifyInstance) => {
    z.config({ customError: messageOf });
    app.setValidatorCompiler<z.ZodType>(({ schema, httpPart, ...route }) =>
      validatorCompiler({ ...route, schema: httpPart === 'body' ? schema : fromText(schema) }),
    );
    // Most bodies leave as text that PostgreSQL built; the few others are small. Schemas of answers are checked
    // against real answers by the tests, not here at every request.
    app.setSerializerCompiler(() => JSON.stringify);
  },
  { name: 'validation' },
);

/** Reads what is written as JSON writes it; what is written otherwise stays text, and is refused as such. */
function fromText(schema: z.ZodType): z.ZodType {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  const typed = (type: string) =>
    Object.entries(properties).flatMap(([name, property]) =>
      typeof property === 'object' && property.type === type ? [name] : [],
    );
  const [integers, booleans] = [typed('integer'), typed('boolean')];
  if (integers.length + booleans.length === 0) return schema;
  return z.preprocess((parameters) => {
    const values = { ...(parameters as Readonly<Record<string, unknown>>) };
    for (const name of integers) {
      const value = values[name];
      if (typeof value === 'string' && /^(0|-?[1-9]\d{0,15})$/.test(value)) values[name] = Number(value);
    }
    for (const name of booleans) {
      if (values[name] === 'true' || values[name] === 'false') values[name] = values[name] === 'true';
    }
    return values;
  }, schema);
}
