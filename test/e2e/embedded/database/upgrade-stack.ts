import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findMove } from '../../../../src/engine/embedded/find-postgres.js';
import { findServerUser } from '../../../../src/engine/embedded/server-user.js';
import { createProcessRunner } from '../../../../src/system/process.js';
import { type CliOptions, type CliResult, invctl, scriptEnvironment } from '../../../support/cli.js';
import { embeddedEnvironment } from '../../../support/embedded.js';
import { commandLines, processesNaming } from '../../../support/leaks.js';
import { mountSmallDisk, unmount } from '../../../support/small-disk.js';
import { createTinyStack } from '../../../support/tiny-stack.js';
import {
  propertiesOf,
  seedProperties,
  type UpgradeState,
  watchUpgrade,
} from '../../../support/upgrade-state.js';
import { fingerprintOf, seedShop } from '../../docker/database/fixture.js';

const FROM = 15;
const TO = 16;

/** Where the client programs for both majors are; undefined, and told, where this machine has not both servers. */
export const clientPrograms = await findClientPrograms();

async function findClientPrograms(): Promise<string | undefined> {
  const env = scriptEnvironment();
  const processes = createProcessRunner({ env });
  try {
    const user = await findServerUser(processes);
    return (await findMove(FROM, TO, { processes, env, user, stateRoot: '/nowhere' })).clientPrograms;
  } catch (error) {
    process.stderr.write(`\nUpgrades on the embedded engine are skipped: ${String(error)}\n\n`);
    return undefined;
  }
}

/** Healthy while it can query the database; with a file ONLY_BEFORE, it ends on any but the earlier PostgreSQL. */
const APP = `const { existsSync, readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { Pool } = require(process.env.PG_MODULE);
const pool = new Pool({
  host: process.env.DATABASE_HOST, port: Number(process.env.DATABASE_PORT), user: 'tiny', database: 'tiny', max: 1,
  password: readFileSync(process.env.SECRETS_DIR + '/db_password', 'utf8'), idleTimeoutMillis: 0,
});
pool.on('error', () => {});
const health = async () => {
  const { rows } = await pool.query("SELECT current_setting('server_version_num')::int / 10000 AS major");
  if (existsSync(process.env.ONLY_BEFORE) && rows[0].major !== ${FROM}) process.exit(3);
};
createServer((_, response) => {
  health().then(() => response.writeHead(200).end(), (error) => response.writeHead(503).end(error.message));
}).listen(Number(process.env.PORT), process.env.HOST);
`;

export interface UpgradeStack extends UpgradeState {
  name: string;
  directory: string;
  composeFile: string;
  /** Where the embedded engine keeps everything. */
  state: string;
  /** Whether that is a disk of its own, of a size that can be filled. */
  smallDisk: boolean;
  /** A file that makes the app end on the later PostgreSQL. */
  onlyBefore: string;
  invctl(args: readonly string[], options?: Partial<CliOptions>): Promise<CliResult>;
  /** `data` of a command's JSON document. A command that fails throws all that it said. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  succeed(args: readonly string[]): Promise<any>;
  /** Runs statements as the superuser, past invctl. Returns what psql prints, unaligned and without headers. */
  sql(statements: string, database?: string): string;
  fingerprint(): string;
  properties(): string;
  /** Processes of the app. */
  apps(): string[];
  /** Takes it down with its data, and tells what is still there of it. */
  remove(): Promise<string[]>;
}

/**
 * A running project with an app, data, roles and settings, as somebody has it who comes to an upgrade.
 * @param options.bare started on a server without client programs.
 */
export async function startUpgradeStack(options: { bare?: boolean } = {}): Promise<UpgradeStack> {
  const stack = await createTinyStack('project', FROM);
  const { name, directory, home } = stack;
  const state = join(home, 'state');
  const smallDisk = mountSmallDisk(state, '700m');
  const env = (await embeddedEnvironment(stack)) as Record<string, string>;
  const onlyBefore = join(home, 'only-before');
  await stack.configure({
    PG_MODULE: createRequire(import.meta.url).resolve('pg'),
    ONLY_BEFORE: onlyBefore,
  });
  await stack.writeSecret('seeded-marker-password');
  writeFileSync(join(directory, 'api', 'src', 'server.cjs'), APP);
  const composeFile = join(directory, 'compose.yaml');
  const run: UpgradeStack['invctl'] = (args, options) =>
    invctl(['--engine', 'embedded', ...args], {
      cwd: directory,
      ...options,
      env: { ...env, ...options?.env },
    });
  const succeed: UpgradeStack['succeed'] = async (args) => {
    const { code, stdout, stderr } = await run([...args, '--json']);
    if (code !== 0) throw new Error(`invctl ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout).data;
  };
  const sql: UpgradeStack['sql'] = (statements, database = 'tiny') => {
    const { services } = JSON.parse(readFileSync(join(state, 'projects', name, 'state.json'), 'utf8'));
    const { port, server } = services.db;
    return execFileSync(
      join(clientPrograms as string, 'psql'),
      [
        `--host=${server.socketFolder}`,
        `--port=${port}`,
        '--username=tiny',
        `--dbname=${database}`,
        '-XqAt',
        '--set=ON_ERROR_STOP=1',
      ],
      { input: statements, encoding: 'utf8' },
    ).trim();
  };
  const properties = () => propertiesOf(sql, 'tiny');
  const apps = () =>
    processesNaming(home).filter((pid) => {
      const file = `/proc/${pid}/cmdline`;
      return existsSync(file) && readFileSync(file, 'utf8').includes('server.cjs');
    });
  const everything = () =>
    [
      readFileSync(composeFile, 'utf8'),
      commandLines()
        .filter((line) => line.includes(` -D ${home}`))
        .join('\n'),
      `${apps().length} app`,
      ...['state', 'state/projects', `state/projects/${name}`, `state/projects/${name}/volumes`, 'tmp'].map(
        (folder) => readdirSync(join(home, folder)).sort().join(' '),
      ),
      fingerprintOf(sql),
      properties(),
      sql('SELECT datname FROM pg_database ORDER BY 1'),
      sql(`SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'invctl%'`),
      readdirSync(directory)
        .filter((entry) => entry !== 'backups')
        .sort()
        .join(' '),
      readdirSync(join(directory, '.invctl')).sort().join(' '),
    ].join('\n--\n');
  const started = options.bare ? { INVCTL_POSTGRES_DIR: bareServer(join(home, 'bare')) } : {};
  expect(await run(['up'], { env: started })).toMatchObject({ code: 0 });
  seedShop({ sql }, 1000);
  seedProperties(sql, 'tiny');

  return {
    name,
    directory,
    composeFile,
    state,
    smallDisk,
    onlyBefore,
    invctl: run,
    succeed,
    sql,
    fingerprint: () => fingerprintOf(sql),
    properties,
    apps,
    ...watchUpgrade(directory, run, everything),
    async remove() {
      await run(['down', '--volumes', '--no-backup', '--confirm', name]);
      const left = [
        ...processesNaming(home).map((pid) => `process ${pid}`),
        ...readdirSync(join(state, 'projects')),
        ...readdirSync(join(home, 'tmp')),
      ];
      if (smallDisk) unmount(state);
      await stack.remove();
      return left;
    },
  };
}

/** The earlier server in a folder without its client programs. */
function bareServer(folder: string): string {
  mkdirSync(folder);
  for (const name of ['postgres', 'initdb']) {
    symlinkSync(join(clientPrograms as string, name), join(folder, name));
  }
  return folder;
}
