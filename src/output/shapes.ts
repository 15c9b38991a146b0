import type { z } from 'zod';

/**
 * A shape of JSON data as a function of zod. Shapes are beside the command whose `data` they describe; those
 * that several commands share are here. Only `npm run schemas` and tests call them, so that no command loads
 * zod for them. More fields may be added; these stay.
 */
export type Shape = (zod: Zod) => z.ZodType;
export type Zod = typeof z;

/**
 * The type of the data that a shape describes. Read-only, because results of services are passed on
 * unchanged.
 */
export type DataOf<S extends Shape> = Frozen<z.infer<ReturnType<S>>>;

/** Makes a type read-only at every level, and a loose object limited to its declared keys. */
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
    replicas: z
      .object({ ready: z.int(), wanted: z.int() })
      .optional()
      .describe('where an orchestrator runs it'),
    logs: z.string().optional().describe('command that shows its logs, where `invctl logs` does not'),
  });
export type ServiceRow = DataOf<typeof serviceRow>;

/** The services in the data of `ps` and of every command that changes services. */
export const serviceList = (z: Zod) =>
  z.object({ engine: z.enum(['docker', 'embedded']), project: z.string(), services: z.array(serviceRow(z)) });

/** Where the services of `ps` and `status` run. */
export const deployedPlace = (z: Zod) =>
  z
    .object({
      orchestrator: z.enum(['swarm', 'k8s', 'unread']),
      place: z.string(),
      problems: z.array(z.string()),
    })
    .optional()
    .describe('an orchestrator runs the project, and not the engine itself; unread: it cannot be read');

/** The environment of a service, by name. */
export const environment = (z: Zod) =>
  z.record(z.string(), z.string().nullable()).describe('values of secrets read [redacted]');
