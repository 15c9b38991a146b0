import { z } from 'zod';

/**
 * The shape of `data` in the JSON document of every command, and of the document itself. `docs/schemas/` is
 * generated from here (`npm run schemas`), tests hold real output against it. More fields may come; these stay.
 * Commands import the types only, so that no command pays for loading zod.
 */

const port = z.object({
  host: z.string().describe('address of this machine'),
  published: z.int(),
  target: z.int().describe('port in the container'),
  protocol: z.string(),
});

const serviceRow = z.object({
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
export type ServiceRow = z.infer<typeof serviceRow>;

const engineKind = z.enum(['docker', 'embedded']);

const services = z.object({ engine: engineKind, project: z.string(), services: z.array(serviceRow) });

const volume = z.object({
  key: z.string().optional().describe('name in the compose file'),
  name: z.string(),
  driver: z.string(),
  mountpoint: z.string(),
  bytes: z.int().optional(),
  createdAt: z.string().optional(),
  services: z.array(z.string()),
  unused: z.boolean(),
});

const network = z.object({
  key: z.string().optional(),
  name: z.string(),
  driver: z.string(),
  internal: z.boolean(),
  subnets: z.array(z.string()),
  attached: z.array(z.object({ service: z.string(), instance: z.string(), address: z.string() })),
});

const environment = z.record(z.string(), z.string().nullable()).describe('values of secrets read [redacted]');

const sourcePlace = {
  file: z.string().optional(),
  line: z.int().optional().describe('1-based'),
};
const sourceKind = z.enum(['run', 'environment', 'env_file', 'image']);

const environmentVariable = z.object({
  service: z.string(),
  name: z.string(),
  set: z.boolean().describe('false: unset in the container, whatever weaker sources say'),
  value: z.string().nullable(),
  redacted: z.boolean().describe('the value is not shown, or only in part'),
  source: z.object({ kind: sourceKind, ...sourcePlace }),
  shadowed: z
    .array(z.object({ kind: sourceKind, ...sourcePlace, value: z.string().nullable() }))
    .describe('what lost, strongest first'),
  interpolated: z
    .array(
      z.object({
        name: z.string(),
        set: z.boolean(),
        source: z.object({
          kind: z.enum(['shell', 'dotenv', 'env_file', 'client', 'compose', 'unset']),
          ...sourcePlace,
        }),
      }),
    )
    .describe('the ${…} and the bare name that took part, and where each came from'),
});
const documentState = z.object({
  project: z.string(),
  file: z.string().describe('absolute; - for stdout'),
  state: z
    .enum(['created', 'updated', 'unchanged', 'printed', 'stale', 'absent'])
    .describe('stale and absent: with --check'),
  blocks: z.array(z.string()).describe('chapters that the file has'),
  leftOut: z.array(z.string()).describe('chapters that somebody removed from it'),
  diff: z.string().optional().describe('with --check: what the configuration says now'),
});
export type DocumentData = z.infer<typeof documentState>;

const graphData = z.object({
  project: z.string(),
  view: z.enum(['services', 'env', 'secrets', 'network', 'start']),
  nodes: z.array(
    z.object({
      id: z.string().describe('unique in this document'),
      kind: z.enum([
        'machine',
        'service',
        'database',
        'volume',
        'folder',
        'file',
        'secret',
        'outside',
        'image',
      ]),
      label: z.string(),
      details: z.array(z.string()).describe('more lines for a reader'),
      group: z.string().optional().describe('id of the group that it is in'),
    }),
  ),
  edges: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      label: z.string().optional(),
      weak: z.boolean().optional().describe('drawn with a dashed line'),
    }),
  ),
  groups: z.array(z.object({ id: z.string(), label: z.string() })),
});
export type GraphData = z.infer<typeof graphData>;

const liveEnvironment = z.object({
  service: z.string(),
  instance: z.string().optional().describe('container, or process id; absent: none runs'),
  compared: z.boolean().describe('false: none runs, or its environment cannot be read'),
  stale: z.array(
    z.object({
      name: z.string(),
      change: z.enum(['changed', 'added', 'removed']).describe('in the files, since it was made'),
      value: z
        .string()
        .nullable()
        .describe('what it has; [redacted] without --show-values, null where it has none'),
      fromShell: z.boolean().describe('a variable of the shell took part'),
    }),
  ),
  next: z.string().optional().describe('the command that makes it anew'),
});
const environmentVariables = z.object({
  variables: z.array(environmentVariable),
  live: z.array(liveEnvironment).optional().describe('with --live'),
});

const level = z
  .int()
  .min(0)
  .max(3)
  .describe('0 SHA-256, 1 read whole, 2 restored and counted, 3 the same content');
const manifest = z
  .looseObject({ sha256: z.string(), bytes: z.int(), takenAt: z.string() })
  .describe('as beside the archive: backup-manifest.json');
const backupFile = z.string().describe('absolute path of the archive');
const diagnosis = z.object({
  project: z.string(),
  engine: z.enum(['docker', 'embedded', 'none']),
  checks: z.array(
    z.object({
      id: z.string(),
      chapter: z.string(),
      title: z.string(),
      severity: z.enum(['fail', 'warn', 'info']).describe('what a finding of it counts as'),
      outcome: z.enum(['pass', 'fail', 'warn', 'info', 'skip', 'unknown', 'crashed']),
      reason: z.string().optional().describe('why it was skipped, is unknown, or crashed'),
      followsFrom: z.array(z.string()).optional().describe('ids of the causes that mute it'),
      findings: z.array(
        z.object({
          message: z.string(),
          why: z.string(),
          next: z.string().describe('what to type or to edit; empty where there is nothing to do'),
          file: z.string().optional().describe('absolute path'),
          line: z.int().optional(),
          service: z.string().optional(),
          fixable: z.boolean(),
          details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
        }),
      ),
    }),
  ),
  rootCauses: z.array(z.string()).describe('ids of what has to be mended, the worst first'),
  fixed: z.array(z.string()).describe('ids that --fix turned green'),
  fixes: z.array(
    z.object({
      id: z.string(),
      summary: z.string(),
      diff: z.string().optional(),
      applied: z.boolean(),
      reason: z.string().optional().describe('why it was left'),
    }),
  ),
});
export type DoctorData = z.infer<typeof diagnosis>;

const checkList = z.object({
  checks: z.array(
    z.object({
      id: z.string(),
      chapter: z.string(),
      title: z.string(),
      severity: z.enum(['fail', 'warn', 'info']),
      fix: z.enum(['safe', 'ask']).optional(),
      docs: z.string().describe('page of the guide'),
    }),
  ),
});
export type DoctorList = z.infer<typeof checkList>;

export const dataSchemas = {
  init: z.object({
    directory: z.string(),
    name: z.string(),
    created: z.boolean().describe('the folder was no scaffold before'),
    dryRun: z.boolean(),
    options: z.record(z.string(), z.union([z.string(), z.int()])),
    files: z.array(
      z.object({
        path: z.string(),
        status: z.enum(['created', 'unchanged', 'differs', 'kept', 'updated', 'replaced']),
        added: z.array(z.string()).optional().describe('keys or lines that an updated file got'),
        edited: z.boolean().optional().describe('false: the template or the options changed, not the file'),
        diff: z.string().optional().describe('unified, with --diff; credentials read [redacted]'),
      }),
    ),
    copies: z.string().optional().describe('folder of the copies of replaced files'),
    next: z.array(z.string()),
  }),
  up: services.extend({ unchanged: z.array(z.string()), seconds: z.number() }),
  ps: services,
  stop: services,
  start: services,
  restart: services,
  rm: services,
  status: services.extend({
    database: z.union([
      z.object({
        reachable: z.literal(true),
        name: z.string(),
        version: z.string(),
        bytes: z.int(),
        migrations: z.object({ applied: z.int(), pending: z.array(z.string()) }).optional(),
      }),
      z.object({ reachable: z.literal(false), reason: z.string() }),
    ]),
    backup: z
      .object({
        file: z.string(),
        bytes: z.int(),
        takenAt: z.string().describe('ISO time'),
        level: z
          .int()
          .describe('how it was verified: 0 hash, 1 full read, 2 restored, 3 compared row by row'),
        ageHours: z.number(),
        tooOld: z.boolean().describe('older than backup.maxAgeHours of invctl.yaml'),
      })
      .optional()
      .describe('the newest verified one'),
  }),
  down: z.object({
    project: z.string(),
    removed: z.array(z.string()).describe('services'),
    volumesRemoved: z.array(z.string()),
    backup: z.string().optional().describe('file of the backup taken before'),
  }),
  build: z.object({
    images: z.array(
      z.object({
        service: z.string(),
        image: z.string(),
        bytes: z.int().optional(),
        baseBytes: z.int().optional(),
        steps: z.array(
          z.object({
            service: z.string(),
            name: z.string(),
            cached: z.boolean(),
            seconds: z.number().optional(),
          }),
        ),
        seconds: z.number(),
      }),
    ),
    seconds: z.number(),
  }),
  config: z.object({
    project: z.object({
      name: z.string(),
      directory: z.string(),
      files: z.array(z.string()),
      services: z.record(z.string(), z.looseObject({ name: z.string(), environment })),
      networks: z.record(z.string(), z.looseObject({ name: z.string() })),
      volumes: z.record(z.string(), z.looseObject({ name: z.string() })),
      secrets: z.record(z.string(), z.looseObject({})),
    }),
  }),
  'env explain': environmentVariables,
  'env list': environmentVariables,
  'env diff': z.object({
    files: z.array(
      z.object({
        file: z.string(),
        example: z.string(),
        absent: z.boolean(),
        missing: z.array(z.string()),
        extra: z.array(z.string()),
        placeholders: z.array(z.string()).describe("secrets that still have the example's value"),
      }),
    ),
  }),

  'db backup': z.object({
    file: backupFile,
    manifestFile: z.string(),
    manifest,
    level,
    copy: z.string().optional().describe('address of its copy'),
  }),
  'db list': z.object({
    backups: z.array(
      z.object({
        file: z.string().describe('absolute path; of one that is away only, the address of its copy'),
        manifest,
        level,
        here: z.boolean().describe('on this disk'),
        copy: z.string().nullable().describe('address of its copy'),
      }),
    ),
    copyTo: z.string().nullable().describe('where copies go; null: nowhere, or it does not answer'),
  }),
  'db copy': z.object({
    address: z.string().describe('where to'),
    copied: z.array(backupFile),
    present: z.array(backupFile).describe('were there already'),
  }),
  'db verify': z.object({
    file: backupFile,
    level,
    manifest: manifest.optional().describe('absent: the file has none'),
    tables: z.array(z.object({ name: z.string(), rows: z.int() })),
  }),
  'db prune': z.object({
    dryRun: z.boolean(),
    kept: z.array(backupFile),
    removed: z.array(backupFile),
    copies: z
      .object({ kept: z.array(z.string()), removed: z.array(z.string()) })
      .optional()
      .describe('addresses; where there is a place for copies'),
  }),
  'db restore': z.union([
    z.object({
      from: z.string().describe('a file, or with --undo the database of before'),
      restored: z.string().describe('name of the live database'),
      previous: z
        .string()
        .nullable()
        .describe('what the database before is called now; null: there was none'),
      rows: z.array(
        z.object({
          table: z.string(),
          before: z.int().nullable().describe('null: there was no such table'),
          after: z.int().nullable(),
        }),
      ),
      restarted: z.array(z.string()),
      swapMs: z.number().describe('milliseconds in which nobody could connect'),
    }),
    z.object({ forgotten: z.array(z.string()) }),
  ]),
  'db schedule': z.object({
    files: z.array(z.object({ name: z.string(), content: z.string() })),
    installed: z.array(z.string()).optional().describe('paths of units, or crontab'),
    enable: z
      .string()
      .nullable()
      .optional()
      .describe('the command that switches the timer on; null: nothing is left to do'),
  }),
  'db migrate': z.object({ version: z.int(), applied: z.array(z.string()) }),
  'db upgrade': z.union([
    z.object({
      rehearsed: z.boolean(),
      from: z.int().describe('major version'),
      to: z.int(),
      image: z.object({ before: z.string(), after: z.string() }),
      volume: z
        .object({ before: z.string(), after: z.string() })
        .describe('the one before stays until --finalize; after a rehearsal the other one is gone'),
      file: z.string().describe('the compose file'),
      diff: z.string().describe('of the compose file; after a rehearsal what an upgrade would change'),
      backup: backupFile.optional().describe('absent after a rehearsal, which keeps none'),
      tables: z.array(z.object({ name: z.string(), rows: z.int() })),
      smokeTested: z.string().optional().describe('the app that was tried on the new server'),
      downSeconds: z.number().describe('how long the app was, or would have been, without its database'),
    }),
    z.object({ removed: z.array(z.string()).describe('volumes'), backup: backupFile.optional() }),
  ]),
  'db exec': z.object({ file: z.string(), output: z.string(), seconds: z.number() }),
  recover: z.object({
    recovered: z.array(
      z.object({
        operation: z.string(),
        id: z.string(),
        step: z.string(),
        outcome: z.enum(['finished', 'reverted']),
        message: z.string(),
      }),
    ),
  }),
  doctor: z.union([diagnosis, checkList]),
  'secrets check': diagnosis,
  'secrets set': z.object({
    secret: z.string(),
    file: z.string(),
    replaced: z.boolean(),
    stale: z.array(z.string()).describe('services that run and go on with the value that they started with'),
  }),
  'secrets rotate': z.object({
    secret: z.string(),
    kind: z
      .enum(['password', 'file', 'variable'])
      .describe("password: the database's; variable: a line of an env file"),
    file: z.string(),
    recreated: z.array(z.string()).describe('services that are healthy with the new value'),
  }),
  'volume ls': z.object({ volumes: z.array(volume) }),
  'volume inspect': z.object({ volume }),
  'volume rm': z.object({ removed: z.string(), backup: z.string().optional() }),
  'network ls': z.object({ networks: z.array(network) }),
  'network inspect': z.object({ network }),
  inspect: z.object({
    service: z.string(),
    instances: z.array(
      z.looseObject({
        name: z.string(),
        state: z.string(),
        health: z.string(),
        ports: z.array(port),
        command: z.array(z.string()),
        mounts: z.array(
          z.object({ type: z.string(), source: z.string(), target: z.string(), readOnly: z.boolean() }),
        ),
        networks: z.array(z.string()),
        memoryLimit: z.int().optional().describe('bytes'),
        cpuLimit: z.number().optional(),
        environment,
      }),
    ),
  }),
  docs: documentState,
  graph: graphData,
  completion: z.union([
    z.object({ shell: z.string(), script: z.string() }),
    z.object({ candidates: z.array(z.string()) }),
  ]),
} satisfies Record<string, z.ZodType>;

/** The JSON document of a command that succeeded. */
export function successSchema(command: keyof typeof dataSchemas): z.ZodType {
  return z.object({
    schemaVersion: z.literal(1),
    command: z.literal(command),
    ok: z.literal(true),
    data: dataSchemas[command],
    warnings: z.array(z.string()),
  });
}

/** The JSON document of any command that failed. */
export const errorSchema = z.object({
  schemaVersion: z.literal(1),
  command: z.string(),
  ok: z.literal(false),
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

/** One line of `logs --json`, which is NDJSON. */
export const logLineSchema = z.object({
  service: z.string(),
  time: z.string().optional().describe('ISO time'),
  line: z.string(),
});
