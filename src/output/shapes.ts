import type { z } from 'zod';

/**
 * A shape of JSON data as a function of zod. Shapes lie beside the command whose `data` they describe; those that
 * several commands share are here. Only `npm run schemas` and tests call them, so that no command loads zod for them.
 * More fields may come; these stay.
 */
export type Shape = (zod: Zod) => z.ZodType;
export type Zod = typeof z;

/** What a shape describes. Results of services are read-only, and are handed on as they are. */
export type DataOf<S extends Shape> = Frozen<z.infer<ReturnType<S>>>;

/** Read-only all the way down, and a loose object by the keys that it is said to have. */
export type Frozen<T> = T extends readonly (infer Element)[]
  ? readonly Frozen<Element>[]
  : T extends object
    ? string extends keyof T
      ? unknown extends T[keyof T]
        ? { readonly [Key in keyof T as string extends Key ? never : Key]: Frozen<T[Key]> }
        : { readonly [name: string]: Frozen<T[keyof T]> }
      : { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

const serviceRow = (z: Zod) =>
  z.object({
    name: z.string(),
    state: z.enum(['absent', 'created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
    health: z
      .enum(['none', 'starting', 'healthy', 'unhealthy'])
      .describe('none: the service declares no check'),
    ports: z.array(z.string()).describe('host:published->target/protocol'),
    url: z.string().optional(),
    seconds: z.number().optional().describe('from the start of `up` until ready'),
    instance: z.string().optional().describe('container, or process id'),
    startedAt: z.string().optional().describe('ISO time'),
    restarts: z.int(),
    exitCode: z.int().optional(),
  });
export type ServiceRow = DataOf<typeof serviceRow>;

/** What `ps` and every command that changes services report. */
export const serviceList = (z: Zod) =>
  z.object({ engine: z.enum(['docker', 'embedded']), project: z.string(), services: z.array(serviceRow(z)) });

/** The environment of a service, by name. */
export const environment = (z: Zod) =>
  z.record(z.string(), z.string().nullable()).describe('values of secrets read [redacted]');
