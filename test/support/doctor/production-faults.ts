import { utimesSync } from 'node:fs';
import type { Fault } from './file-faults.js';
import type { SickProject } from './project.js';

/** What a person does before a scaffold goes into production, as far as it lies in the project. */
const PROVIDERS = `secrets:
  db_password: { command: [op, read, "op://shop/db"] }
  admin_password: { command: [op, read, "op://shop/admin"] }
`;

export function makeReady(p: SickProject): void {
  p.edit('stack/.env', 'ENVIRONMENT=development', 'ENVIRONMENT=production');
  p.write('backups/newest.dump', 'verified\n');
  p.write('.github/workflows/ci.yml', 'steps: [{ run: trivy image shop }]\n');
  p.edit(
    'compose.yaml',
    'services:\n',
    'services:\n  prometheus:\n    image: prom/prometheus:v3.1.0\n    healthcheck: { test: [CMD, "true"] }\n    restart: always\n    cap_drop: [ALL]\n    security_opt: ["no-new-privileges:true"]\n    logging: *logging\n    deploy: { resources: { limits: { memory: 1g } } }\n',
  );
  p.edit('compose.yaml', /driver: json-file\n\s+options:\n[^\n]*\n[^\n]*\n/, 'driver: fluentd\n');
  p.edit(
    'compose.yaml',
    /limits: \{ cpus: "1.0", memory: 512m, pids: 128 \}/,
    'limits: { cpus: "1.0", memory: 512m, pids: 128 }\n      replicas: 2',
  );
  p.write('invctl.yaml', PROVIDERS);
}

/** Each takes one item away from a project that is ready. `unknown`: nobody can tell then. */
export const PRODUCTION_FAULTS: readonly (Fault & { unknown?: true })[] = [
  {
    id: 'prod.dev-config',
    break: (p) => p.edit('compose.yaml', './stack/data:/app/data:ro', './stack/src:/app/src'),
  },
  { id: 'prod.env-files', break: (p) => p.edit('stack/.env', 'ENVIRONMENT=production', 'ENVIRONMENT=') },
  { id: 'prod.limits', break: (p) => p.edit('compose.yaml', 'memory: 512m, ', '') },
  { id: 'prod.restart', break: (p) => p.edit('compose.yaml', '    restart: unless-stopped\n', '') },
  { id: 'prod.logs', break: (p) => p.edit('compose.yaml', 'driver: fluentd', 'driver: json-file') },
  {
    id: 'prod.logs',
    variant: 'nobody knows who collects them',
    unknown: true,
    break: (p) =>
      p.edit('compose.yaml', 'driver: fluentd', 'driver: json-file\n  options: { max-size: 10m }'),
  },
  { id: 'prod.healthchecks', break: (p) => p.edit('stack/Dockerfile', /HEALTHCHECK [^\n]*\n[^\n]*\n/, '') },
  {
    id: 'prod.monitoring',
    unknown: true,
    break: (p) => p.edit('compose.yaml', 'prom/prometheus:v3.1.0', 'caddy:2.8'),
  },
  {
    id: 'prod.monitoring',
    variant: 'of a profile that is not on',
    break: (p) =>
      p.edit('compose.yaml', 'prom/prometheus:v3.1.0', 'prom/prometheus:v3.1.0\n    profiles: [monitoring]'),
  },
  { id: 'prod.secrets-manager', unknown: true, break: (p) => p.remove('invctl.yaml') },
  {
    id: 'prod.secrets-manager',
    variant: 'of some secrets only',
    unknown: true,
    break: (p) => p.write('invctl.yaml', PROVIDERS.replace(/ {2}admin_password.*\n/, '')),
  },
  {
    id: 'prod.secrets-manager',
    variant: 'a password in the compose file',
    break: (p) =>
      p.edit(
        'compose.yaml',
        'DATABASE_HOST: db',
        'MAIL_PASSWORD: swordfish-and-chips\n      DATABASE_HOST: db',
      ),
  },
  { id: 'prod.backups', break: (p) => p.remove('backups') },
  {
    id: 'prod.backups',
    variant: 'an old one',
    break: (p) => {
      const old = Date.now() / 1000 - 3 * 24 * 3600;
      utimesSync(p.path('backups/newest.dump'), old, old);
    },
  },
  {
    id: 'prod.backups',
    variant: 'a verified one of long ago, in a file that was just copied',
    break: (p) => {
      const manifest = { bytes: 9, takenAt: '2020-01-01T02:30:00.000Z', verification: { level: 1 } };
      p.write('backups/newest.dump.manifest.json', JSON.stringify(manifest));
    },
  },
  {
    id: 'prod.backups',
    variant: 'a protection that has not been heard of, in place of backups',
    break: (p) => {
      p.remove('backups');
      writeProtection(p, 'receiving', 3600);
    },
  },
  {
    id: 'prod.backups',
    variant: 'a protection that refuses, beside a young backup',
    break: (p) => writeProtection(p, 'refused', 0),
  },
  {
    id: 'prod.orchestration',
    unknown: true,
    break: (p) => p.edit('compose.yaml', 'replicas: 2', 'replicas: 1'),
  },
  { id: 'prod.ci', unknown: true, break: (p) => p.remove('.github') },
  { id: 'prod.scanning', unknown: true, break: (p) => p.write('.github/workflows/ci.yml', 'steps: []\n') },
];

/** A place of the protection whose receiver said this so many seconds ago. */
function writeProtection(
  project: { write(path: string, text: string): void },
  state: 'receiving' | 'refused',
  secondsAgo: number,
): void {
  const record = {
    systemIdentifier: '7000000000000000001',
    segmentBytes: 16 * 1024 ** 2,
    dataDirectory: '/var/lib/postgresql/data',
    file: 'compose.yaml',
    service: 'db',
    slotLimitBefore: null,
  };
  project.write('backups/protection/protection.json', JSON.stringify(record));
  const at = Math.round(Date.now() / 1000) - secondsAgo;
  const message = 'this place is for another server';
  project.write('backups/protection/state/now', `state=${state}\nat=${at}\nmessage=${message}\n`);
}
