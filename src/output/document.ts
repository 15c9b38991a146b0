import { z } from 'zod';
import type { Shape } from './shapes.js';

const environment = z.string().optional().describe('of invctl.yaml, where one was chosen');
const host = z.string().optional().describe('ssh://…, where the engine is on another machine');

/** The JSON document of a command that succeeded. */
export function successSchema(command: string, data: Shape): z.ZodType {
  return z.object({
    schemaVersion: z.literal(1),
    command: z.literal(command),
    ok: z.literal(true),
    environment,
    host,
    data: data(z),
    warnings: z.array(z.string()),
  });
}

/** The JSON document of any command that failed. */
export const errorSchema = z.object({
  schemaVersion: z.literal(1),
  command: z.string(),
  ok: z.literal(false),
  environment,
  host,
  error: z.looseObject({
    code: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
    message: z.string(),
    hint: z.string().optional().describe('the next command to type'),
    docs: z.string().optional(),
    file: z.string().optional(),
    line: z.int().optional(),
  }),
  warnings: z.array(z.string()),
});
