import { createServer } from 'node:net';
import type { Fault } from './file-faults.js';

const FILE = 'docker-compose.yml';

/** The faults of a scaffold that make sense in the stack of `foreign.ts`. */
export const FOREIGN_FAULTS: readonly Fault[] = [
  { id: 'compose.parse', break: (p) => p.edit(FILE, 'volumes:\n      - records', 'volumes:\n\t- records') },
  { id: 'db.localhost', break: (p) => p.edit(FILE, '@records:5432', '@localhost:5432') },
  {
    id: 'db.localhost',
    variant: 'a host variable in a list',
    mended: true,
    break: (p) => p.edit(FILE, /- DATABASE_URL=.*/, '- PGHOST=127.0.0.1'),
  },
  {
    id: 'db.port',
    mended: true,
    break: (p) => {
      p.edit(
        FILE,
        '    image: postgres:16\n',
        '    image: postgres:16\n    ports: ["127.0.0.1:54329:5432"]\n',
      );
      p.edit(FILE, /- DATABASE_URL=.*/, '- PGHOST=records\n      - PGPORT=54329');
    },
  },
  {
    id: 'db.network',
    break: (p) => {
      p.edit(FILE, '    build: ./web\n', '    build: ./web\n    networks: [outside]\n');
      p.edit(FILE, 'volumes:\n  records:\n', 'volumes:\n  records:\nnetworks: { outside: {} }\n');
    },
    mended: true,
  },
  {
    id: 'db.ready-race',
    mended: true,
    break: (p) => p.edit(FILE, 'pg_isready -h 127.0.0.1', 'pg_isready'),
  },
  {
    id: 'db.no-healthcheck',
    mended: true,
    break: (p) => p.edit(FILE, / {4}healthcheck:\n(?: {6}.*\n)+/, ''),
  },
  {
    id: 'db.depends-short',
    mended: true,
    break: (p) => p.edit(FILE, '      records:\n        condition: service_healthy', '      - records'),
  },
  {
    id: 'db.uninitialised',
    whenNew: true,
    break: (p) => p.edit(FILE, '      - POSTGRES_PASSWORD=once-upon-a-time\n', ''),
  },
  {
    id: 'db.both-set',
    break: (p) => {
      p.edit(FILE, '    user: postgres\n', '    user: postgres\n    secrets: [pw]\n');
      p.edit(
        FILE,
        '- POSTGRES_USER=stock\n',
        '- POSTGRES_USER=stock\n      - POSTGRES_PASSWORD_FILE=/run/secrets/pw\n',
      );
      p.edit(FILE, 'volumes:\n  records:\n', 'volumes:\n  records:\nsecrets: { pw: { file: ./pw.txt } }\n');
      p.write('pw.txt', 'k8Fj2-mQ9zLp0-vX7', 0o444);
    },
  },
  { id: 'env.missing', mended: true, break: (p) => p.remove('settings.env') },
  { id: 'env.syntax', break: (p) => p.edit('settings.env', 'GREETING=hello', 'GREET ING=hello') },
  { id: 'env.required', break: (p) => p.edit(FILE, '${APP_SECRET_KEY}', '${NEVER_SET?say it}') },
  { id: 'env.drift', mended: true, break: (p) => p.edit('settings.env', 'GREETING=hello\n', '') },
  {
    id: 'env.bare-shadow',
    break: (p) => p.edit(FILE, '      - APP_SECRET_KEY', '      - GREETING\n      - APP_SECRET_KEY'),
  },
  {
    id: 'env.shell-wins',
    break: (p) => {
      p.env.APP_SECRET_KEY = 'another-one-of-the-shell';
      p.afterwards(() => {
        delete p.env.APP_SECRET_KEY;
      });
    },
  },
  {
    id: 'port.in-use',
    mended: true,
    async break(p) {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      p.afterwards(() => new Promise((resolve) => server.close(() => resolve())));
      const address = server.address();
      p.edit(FILE, `127.0.0.1:${p.port}`, `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    },
  },
  { id: 'port.mismatch', break: (p) => p.edit(FILE, `${p.port}:8000`, `${p.port}:3000`) },
  {
    id: 'port.mismatch',
    variant: "one number, which is the container's",
    break: (p) => p.edit(FILE, '    image: postgres:16\n', '    image: postgres:16\n    ports: ["5439"]\n'),
  },
  {
    id: 'db.published',
    mended: true,
    break: (p) =>
      p.edit(FILE, '    image: postgres:16\n', '    image: postgres:16\n    ports: ["54329:5432"]\n'),
  },
  { id: 'db.pg18-path', whenNew: true, break: (p) => p.edit(FILE, 'postgres:16', 'postgres:18') },
  { id: 'sec.image', break: (p) => p.edit(FILE, 'postgres:16', 'postgres') },
  { id: 'sec.user', break: (p) => p.edit('web/Dockerfile', 'USER 1000\n', '') },
  {
    id: 'sec.caps',
    break: (p) => p.edit(FILE, '    build: ./web\n', '    build: ./web\n    privileged: true\n'),
  },
];
