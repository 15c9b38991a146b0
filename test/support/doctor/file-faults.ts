import { createServer } from 'node:net';
import type { SickProject } from './project.js';

/** One way to break a healthy scaffold, and the check that must name it as the cause. */
export interface Fault {
  id: string;
  /** Where one id has several. */
  variant?: string;
  break(project: SickProject): void | Promise<void>;
  /** `--fix --yes` makes it green. */
  mended?: true;
  /** Root causes that the same fault also is, in order, behind `id`. */
  also?: readonly string[];
  /** Those of them that the fix of this one leaves. */
  remains?: readonly string[];
  /** It builds an image, which has to be built again afterwards. */
  builds?: true;
  /** None where the database has data already. */
  whenNew?: true;
}

/** Faults in files alone: found with and without an engine, on a stopped and on a running stack. */
export const FILE_FAULTS: readonly Fault[] = [
  {
    id: 'upgrade.conflict',
    break: (p) => {
      const record = { recordVersion: 1, id: 'u', at: '', from: '0.1.0', to: '0.2.0', changes: [] };
      const more = { conflicts: ['compose.yaml'], migrations: [], folders: [] };
      p.write('.invctl/upgrade/record.json', JSON.stringify({ ...record, ...more }));
      p.edit(
        'compose.yaml',
        '    image: postgres:16',
        '<<<<<<< yours\n    image: postgres:16\n=======\n    image: postgres:17\n>>>>>>> template 0.2.0',
      );
    },
  },
  {
    id: 'compose.parse',
    variant: 'a tab',
    break: (p) => p.edit('compose.yaml', '    image: postgres:16', '\timage: postgres:16'),
  },
  {
    id: 'compose.parse',
    variant: 'a key twice',
    break: (p) => p.edit('compose.yaml', 'services:\n', 'services:\n  db: {}\n'),
  },
  {
    id: 'compose.parse',
    variant: 'an unknown key',
    break: (p) => p.edit('compose.yaml', '    user: postgres', '    usr: postgres'),
  },
  {
    id: 'compose.version',
    mended: true,
    break: (p) => p.edit('compose.yaml', 'services:\n', 'version: "3.8"\nservices:\n'),
  },
  {
    id: 'db.localhost',
    variant: 'the override is gone',
    mended: true,
    break: (p) => p.edit('compose.yaml', '      DATABASE_HOST: db\n', ''),
  },
  {
    id: 'db.localhost',
    variant: 'a URL',
    break: (p) =>
      p.edit(
        'compose.yaml',
        'DATABASE_HOST: db',
        'DATABASE_URL: "postgres://shop@127.0.0.1:5432/shop"\n      DATABASE_HOST: db',
      ),
  },
  {
    id: 'db.port',
    break: (p) => p.edit('compose.yaml', 'DATABASE_PORT: "5432"', 'DATABASE_PORT: "54329"'),
  },
  {
    id: 'db.network',
    mended: true,
    break: (p) => p.edit('compose.yaml', 'networks: [frontend, backend]', 'networks: [frontend]'),
  },
  {
    id: 'db.network',
    variant: 'a password in a URL that nobody encoded',
    break: (p) => {
      p.write('.env', "PW='half/of#it'\n");
      p.edit(
        'compose.yaml',
        'DATABASE_HOST: db',
        'DATABASE_URL: "postgres://shop:${PW}@db:5432/shop"\n      DATABASE_HOST: db',
      );
    },
  },
  {
    id: 'db.ready-race',
    mended: true,
    break: (p) => p.edit('compose.yaml', '"-h", "127.0.0.1", ', ''),
  },
  {
    id: 'db.no-healthcheck',
    mended: true,
    break: (p) => p.edit('compose.yaml', / {4}healthcheck:\n[\s\S]*?start_interval: 250ms\n/, ''),
  },
  {
    id: 'db.depends-short',
    mended: true,
    break: (p) =>
      p.edit('compose.yaml', /depends_on:\n\s+db:\n\s+condition: service_healthy/, 'depends_on: [db]'),
  },
  {
    id: 'secret.provider',
    variant: 'a command that fails',
    break: (p) => p.write('invctl.yaml', 'secrets: {db_password: {command: ["false"]}}\n'),
  },
  {
    id: 'secret.provider',
    variant: 'another value than the file has',
    break: (p) => p.write('invctl.yaml', 'secrets: {db_password: {command: [echo, of-another-day-41]}}\n'),
  },
  {
    id: 'secret.provider',
    variant: 'for a secret that the compose file lacks',
    break: (p) => p.write('invctl.yaml', 'secrets: {db_pasword: {command: [echo, of-another-day-41]}}\n'),
  },
  {
    id: 'secret.empty',
    variant: 'with a provider',
    break: (p) => {
      p.write('secrets/admin_password.txt', '', 0o444);
      p.write('invctl.yaml', 'secrets: {admin_password: {command: [echo, of-another-day-41]}}\n');
    },
    mended: true,
  },
  {
    // Not "make one": whoever brings it up asks the provider.
    id: 'secret.missing',
    variant: 'with a provider',
    break: (p) => {
      p.remove('secrets/admin_password.txt');
      p.write('invctl.yaml', 'secrets: {admin_password: {command: [echo, of-another-day-41]}}\n');
    },
    mended: true,
  },
  { id: 'secret.missing', break: (p) => p.remove('secrets/admin_password.txt'), mended: true },
  {
    id: 'secret.missing',
    variant: 'a variable that nobody sets',
    break: (p) => p.edit('compose.yaml', 'file: ./secrets/admin_password.txt', 'environment: NEVER_SET'),
  },
  {
    id: 'secret.missing',
    variant: 'a path that a variable without a value makes another',
    break: (p) => p.edit('compose.yaml', './secrets/admin_password.txt', '"${NEVER_SET}/nowhere/pw.txt"'),
    also: ['env.required'],
  },
  {
    id: 'env.required',
    variant: "a secret's path",
    break: (p) => p.edit('compose.yaml', './secrets/admin_password.txt', '"${NEVER_SET}"'),
  },
  {
    id: 'secret.directory',
    mended: true,
    break: (p) => {
      p.remove('secrets/admin_password.txt');
      p.run('mkdir', 'secrets/admin_password.txt');
    },
  },
  { id: 'secret.empty', break: (p) => p.write('secrets/admin_password.txt', '\n', 0o444), mended: true },
  {
    id: 'secret.weak',
    variant: 'a usual password',
    break: (p) => p.write('secrets/admin_password.txt', 'changeme-in-production', 0o444),
  },
  {
    id: 'secret.weak',
    variant: 'short',
    break: (p) => p.write('secrets/admin_password.txt', 'k3Jx9', 0o444),
  },
  ...['\uFEFFl0ng-enough-and-random', 'l0ng-enough-and-random\r\n', ' l0ng-enough-and-random'].map(
    (bytes): Fault => ({
      id: 'secret.bytes',
      variant: JSON.stringify(bytes.slice(0, 1) + bytes.slice(-2)),
      mended: true,
      break: (p) => p.write('secrets/admin_password.txt', bytes, 0o444),
    }),
  ),
  {
    id: 'secret.unlisted',
    mended: true,
    break: (p) =>
      p.edit('compose.yaml', 'secrets: [db_password, admin_password]', 'secrets: [admin_password]'),
  },
  {
    id: 'secret.app-path',
    mended: true,
    break: (p) =>
      p.edit('compose.yaml', 'DATABASE_HOST: db', 'SECRETS_DIR: /var/secrets\n      DATABASE_HOST: db'),
  },
  {
    id: 'secret.app-path',
    variant: 'a _FILE variable',
    mended: true,
    break: (p) =>
      p.edit(
        'compose.yaml',
        'POSTGRES_PASSWORD_FILE: /run/secrets/db_password',
        'POSTGRES_PASSWORD_FILE: /run/secrets/db-password',
      ),
  },
  {
    id: 'secret.unreadable',
    mended: true,
    break: (p) => {
      p.run('chmod', '0400', 'secrets/admin_password.txt');
      p.run('chown', '4242', 'secrets/admin_password.txt');
    },
  },
  {
    id: 'db.uninitialised',
    whenNew: true,
    break: (p) => p.edit('compose.yaml', '      POSTGRES_PASSWORD_FILE: /run/secrets/db_password\n', ''),
  },
  {
    id: 'db.both-set',
    mended: true,
    also: ['sec.literal'],
    break: (p) =>
      p.edit(
        'compose.yaml',
        '      POSTGRES_PASSWORD_FILE:',
        '      POSTGRES_PASSWORD: once-upon-a-time\n      POSTGRES_PASSWORD_FILE:',
      ),
  },
  { id: 'env.missing', break: (p) => p.remove('stack/.env'), mended: true },
  {
    id: 'env.missing',
    variant: 'the one beside the compose file',
    mended: true,
    break: (p) => {
      p.write('.env.example', 'NODE_OPTIONS_HERE=--no-warnings\n');
      p.edit('compose.yaml', 'DATABASE_HOST: db', 'OPTIONS: ${NODE_OPTIONS_HERE}\n      DATABASE_HOST: db');
    },
  },
  {
    id: 'env.unlisted',
    break: (p) => p.edit('compose.yaml', '    env_file: ./stack/.env\n', ''),
    mended: true,
  },
  { id: 'env.syntax', break: (p) => p.edit('stack/.env', 'LOG_LEVEL=info', 'LOG LEVEL=info') },
  {
    id: 'env.syntax',
    variant: 'in the .env beside the compose file',
    break: (p) => p.write('.env', 'TAG="never closed\n'),
  },
  {
    id: 'env.dollar',
    mended: true,
    break: (p) =>
      p.edit('stack/.env', /JWT_SECRET_KEY=.*/, 'JWT_SECRET_KEY=l0ng-enough-but$eaten-by-interpolation'),
  },
  {
    id: 'env.required',
    break: (p) =>
      p.edit('compose.yaml', 'DATABASE_HOST: db', 'WANTED: ${NEVER_SET:?say it}\n      DATABASE_HOST: db'),
  },
  {
    id: 'env.bare-shadow',
    break: (p) => p.edit('compose.yaml', 'DATABASE_HOST: db', 'JWT_SECRET_KEY:\n      DATABASE_HOST: db'),
  },
  {
    id: 'env.shell-wins',
    break: (p) => {
      p.write('.env', 'LOG_WANTED=info\n');
      p.edit('compose.yaml', 'DATABASE_HOST: db', 'WANTED: ${LOG_WANTED}\n      DATABASE_HOST: db');
      p.env.LOG_WANTED = 'debug';
      p.afterwards(() => {
        delete p.env.LOG_WANTED;
      });
    },
  },
  { id: 'env.drift', break: (p) => p.edit('stack/.env', /LOG_LEVEL=info\n/, ''), mended: true },
  {
    id: 'env.placeholder',
    mended: true,
    break: (p) =>
      p.edit(
        'stack/.env',
        /JWT_SECRET_KEY=.*/,
        'JWT_SECRET_KEY=your-super-secret-jwt-key-change-in-production',
      ),
  },
  {
    id: 'port.in-use',
    mended: true,
    async break(p) {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      p.afterwards(() => new Promise((resolve) => server.close(() => resolve())));
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      p.edit('compose.yaml', `127.0.0.1:${p.port}:5003`, `127.0.0.1:${port}:5003`);
    },
  },
  {
    id: 'port.mismatch',
    break: (p) => p.edit('compose.yaml', `127.0.0.1:${p.port}:5003`, `127.0.0.1:${p.port}:8080`),
  },
  {
    id: 'port.internal',
    break: (p) => p.edit('compose.yaml', 'networks: [frontend, backend]', 'networks: [backend]'),
  },
  {
    id: 'db.pg18-path',
    break: (p) => p.edit('compose.yaml', 'pgdata:/var/lib/postgresql/data', 'pgdata:/var/lib/postgresql'),
  },
  {
    id: 'db.pg18-path',
    variant: 'a path that no image uses',
    break: (p) => p.edit('compose.yaml', 'pgdata:/var/lib/postgresql/data', 'pgdata:/var/lib/postgres/data'),
  },
  {
    id: 'vol.path',
    break: (p) =>
      p.edit(
        'compose.yaml',
        '- ./stack/data:/app/data:ro',
        '- ./stack/data:/app/data:ro\n      - u:/app/uploads',
      ),
  },
  {
    id: 'name.conflict',
    variant: 'two services of the project',
    break: (p) => {
      p.edit('compose.yaml', '    image: postgres:16', '    container_name: only\n    image: postgres:16');
      p.edit('compose.yaml', '    build: ./stack', '    container_name: only\n    build: ./stack');
    },
  },
  {
    id: 'hc.command',
    variant: 'one text of several words',
    mended: true,
    break: (p) =>
      p.edit('compose.yaml', /test: \["CMD", "pg_isready".*\]/, 'test: ["CMD", "pg_isready -h 127.0.0.1"]'),
  },
  {
    id: 'vol.permission',
    variant: 'init scripts',
    break: (p) => {
      p.write('init/1.sql', 'CREATE TABLE a (id int);\n', 0o600);
      p.run('chown', '4242', 'init/1.sql');
      p.edit(
        'compose.yaml',
        '- pgdata:/var/lib/postgresql/data',
        '- pgdata:/var/lib/postgresql/data\n      - ./init:/docker-entrypoint-initdb.d:ro',
      );
    },
  },
  {
    id: 'vol.permission',
    break: (p) => {
      p.run('mkdir', '-m', '0755', 'uploads');
      p.run('chown', '4242', 'uploads');
      p.edit(
        'compose.yaml',
        '- ./stack/data:/app/data:ro',
        '- ./stack/data:/app/data:ro\n      - ./uploads:/app/uploads',
      );
    },
  },
  {
    id: 'app.crlf',
    mended: true,
    break: (p) => {
      p.write('stack/entry.sh', '#!/bin/sh\r\nexec node src/server.cjs\r\n', 0o755);
      p.edit('stack/Dockerfile', 'COPY src ./src', 'COPY src ./src\nCOPY entry.sh ./');
    },
  },
  {
    id: 'app.crlf',
    variant: 'in a mounted folder of init scripts',
    mended: true,
    break: (p) => {
      p.write('init/1.sh', 'set -e\r\necho made\r\n', 0o644);
      p.edit(
        'compose.yaml',
        '- pgdata:/var/lib/postgresql/data',
        '- pgdata:/var/lib/postgresql/data\n      - ./init:/docker-entrypoint-initdb.d:ro',
      );
    },
  },
  {
    id: 'db.published',
    mended: true,
    break: (p) =>
      p.edit(
        'compose.yaml',
        '    networks: [backend]\n',
        '    networks: [backend, frontend]\n    ports: ["54320:5432"]\n',
      ),
    also: ['sec.exposure'],
    remains: ['sec.exposure'],
  },
  {
    id: 'sec.gitignore',
    mended: true,
    break: (p) => p.edit('.gitignore', /secrets\/\n/, ''),
  },
  {
    id: 'sec.tracked',
    break: (p) => {
      p.run('git', 'init', '--quiet');
      p.run('git', 'add', '--force', 'stack/.env');
    },
    mended: true,
  },
  {
    id: 'sec.dockerignore',
    mended: true,
    break: (p) => {
      p.remove('stack/.dockerignore');
      p.edit('stack/Dockerfile', 'COPY src ./src', 'COPY . .');
    },
  },
  { id: 'sec.user', break: (p) => p.edit('stack/Dockerfile', 'USER 1000:1000\n', '') },
  { id: 'sec.image', break: (p) => p.edit('stack/Dockerfile', 'FROM node:24-slim', 'FROM node:latest') },
  {
    id: 'sec.literal',
    break: (p) =>
      p.edit(
        'compose.yaml',
        'DATABASE_HOST: db',
        'MAIL_PASSWORD: swordfish-and-chips\n      DATABASE_HOST: db',
      ),
  },
  {
    id: 'sec.exposure',
    variant: 'the network is not internal',
    break: (p) => p.edit('compose.yaml', /( {2}backend:\n)[^\n]*\n {4}internal: true\n/, '  backend: {}\n'),
  },
  {
    id: 'sec.exposure',
    variant: 'published on all addresses',
    break: (p) => p.edit('compose.yaml', `127.0.0.1:${p.port}:5003`, `${p.port}:5003`),
  },
  { id: 'sec.caps', break: (p) => p.edit('compose.yaml', '    cap_drop: [ALL]\n', '    privileged: true\n') },
];
