/** Small projects that fail in one way each when they are started. `until` tells from `docker inspect` that they have. */
export interface SmallFault {
  id: string;
  service: string;
  compose: string;
  /** A Go template of `docker inspect`, and what it must print. */
  until: [template: string, printed: RegExp];
}

const app = (keys: string) => `name: NAME
services:
  app:
    image: node:24-slim
    stop_grace_period: 0s
${keys}
`;

export const SMALL_FAULTS: readonly SmallFault[] = [
  {
    id: 'app.exited',
    service: 'app',
    compose: app('    command: ["node", "-e", "console.error(\'something strange\'); process.exit(3)"]'),
    until: ['{{.State.Status}}', /exited/],
  },
  {
    id: 'app.restarting',
    service: 'app',
    compose: app('    restart: always\n    command: ["node", "-e", "process.exit(4)"]'),
    until: ['{{.RestartCount}}', /^[3-9]/],
  },
  {
    id: 'app.oom',
    service: 'app',
    compose: app(
      '    mem_limit: 64m\n    memswap_limit: 64m\n    command: ["node", "-e", "const a = []; for (;;) a.push(Buffer.alloc(4e6, 1))"]',
    ),
    until: ['{{.State.Status}}', /exited/],
  },
  {
    id: 'hc.command',
    service: 'app',
    compose: app(
      '    command: ["sleep", "600"]\n    init: true\n    healthcheck: { test: ["CMD", "curl", "-f", "http://localhost/"], interval: 200ms, retries: 1 }',
    ),
    until: ['{{.State.Health.Status}}', /unhealthy/],
  },
  {
    id: 'disk.full',
    service: 'app',
    compose: app(
      '    tmpfs: ["/small:size=64k"]\n    command: ["node", "-e", "require(\'fs\').writeFileSync(\'/small/x\', Buffer.alloc(1e6))"]',
    ),
    until: ['{{.State.Status}}', /exited/],
  },
  {
    id: 'db.init-failed',
    service: 'store',
    compose: `name: NAME
services:
  store:
    image: postgres:16
    stop_grace_period: 0s
    environment: { POSTGRES_PASSWORD: example }
    configs: [{ source: tables, target: /docker-entrypoint-initdb.d/1.sql }]
configs: { tables: { content: "create tabel b (id int);" } }
`,
    until: ['{{.State.Status}}', /exited/],
  },
  {
    id: 'db.uninitialised',
    service: 'store',
    compose: 'name: NAME\nservices:\n  store: { image: "postgres:16", stop_grace_period: 0s }\n',
    until: ['{{.State.Status}}', /exited/],
  },
  {
    id: 'vol.permission',
    service: 'app',
    compose: app(
      '    user: "4242:4242"\n    command: ["node", "-e", "require(\'fs\').writeFileSync(\'/data/x\', \'1\')"]\n    volumes: ["data:/data"]\nvolumes: { data: {} }',
    ),
    until: ['{{.State.Status}}', /exited/],
  },
];
