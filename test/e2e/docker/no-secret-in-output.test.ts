import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCommands } from '../../../src/cli/commands.js';
import { type CliResult, invctl } from '../../support/cli.js';
import { withoutDocker } from '../../support/docker.js';
import { freePort, leftovers, removeProject } from '../../support/docker-project.js';
import { atFullSize } from '../../support/fault-counts.js';

/** In everything of the project that is a secret, by its place or by its name. */
const MARKER = 'seeded-marker-8d02';
const NAME = `invctl-quiet-${randomBytes(4).toString('hex')}`;
const CONFIRMED = ['--confirm', NAME, '--yes'];

interface Invocation {
  /** The words after the command's own; `BACKUP` is the file of the newest backup. */
  args: readonly string[];
  input?: string;
  /** Default 0. */
  code?: number;
  /** It takes long: its JSON, beside its words, is for the suite at full size. */
  long?: true;
  /** There is no JSON of it: it is another program's output, or has a format of its own. */
  noJson?: true;
  /** It has no end of its own: it gets a Ctrl-C once it has printed this. */
  until?: string;
}

/** Every command, in an order in which each finds what it needs; what loses something comes last. */
const INVOCATIONS: readonly (readonly [command: string, ...invocations: Invocation[]])[] = [
  ['init', { args: ['--diff', '--dry-run'] }],
  ['config', { args: [] }],
  ['build', { args: [], long: true }],
  ['up', { args: [] }],
  ['watch', { args: [], until: 'watching', code: 130 }],
  ['ps', { args: [] }],
  ['list', { args: [] }],
  ['open', { args: ['--docs'] }, { args: ['db'], code: 1 }],
  ['shell', { args: ['api'], input: 'echo here\n', noJson: true }],
  ['status', { args: [] }],
  ['logs', { args: [] }],
  ['exec', { args: ['api', '--', 'node', '--version'], noJson: true }],
  ['run', { args: ['-e', 'RUN_TOKEN', 'api', '--', 'node', '--version'], noJson: true }],
  ['compose', { args: ['--', 'ps'], noJson: true }],
  ['env explain', { args: ['--live', '--run', `RUN_TOKEN=${MARKER}`] }, { args: ['JWT_SECRET'], code: 2 }],
  ['env list', { args: ['--live'] }],
  ['env diff', { args: [] }],
  [
    'doctor',
    { args: ['--production'], code: 5 },
    { args: ['--format', 'sarif'], noJson: true },
    { args: ['--list'] },
  ],
  ['secrets check', { args: [], long: true }],
  [
    'secrets set',
    { args: ['db_password', '--yes'], input: `${MARKER}-set`, code: 1 },
    { args: ['admin_password', '--yes'], input: `${MARKER}-set` },
  ],
  ['secrets rotate', { args: ['JWT_SECRET_KEY'], long: true }, { args: ['db_password'], long: true }],
  ['db backup', { args: [] }],
  ['db copy', { args: [], long: true }],
  ['db list', { args: [] }],
  ['db verify', { args: ['BACKUP', '--level', '2'], long: true }],
  ['db restore', { args: ['BACKUP', '--yes'], long: true }, { args: ['no-such-file', '--yes'], code: 1 }],
  ['db prune', { args: [] }],
  // The document of a whole rehearsal is held to its schema elsewhere: one of them is long enough.
  [
    'db upgrade',
    ...(atFullSize ? [{ args: ['--to', '17', '--rehearse'], noJson: true } as const] : []),
    { args: ['--to', '16'], code: 1 },
  ],
  ['db schedule', { args: [] }],
  ['db migrate', { args: [] }],
  ['db exec', { args: ['query.sql'] }, { args: ['wrong.sql'], code: 1 }],
  ['db inspect', { args: [] }, { args: ['--section', 'queries,locks'] }],
  ['db protect status', { args: [] }],
  ['db protect on', { args: ['--yes'], long: true }],
  ['db history', { args: ['items'] }],
  ['db protect off', { args: ['--yes'] }],
  ['db psql', { args: ['--', '--command=SELECT 1'], noJson: true }],
  ['db url', { args: [], until: '127.0.0.1', code: 130 }, { args: ['--copy'], code: 1 }],
  // The admin has the password of the first start still.
  ['db seed', { args: ['query.sql'] }, { args: [], code: 1 }],
  ['db reset', { args: ['--no-backup', ...CONFIRMED], long: true }],
  ['volume ls', { args: [] }],
  ['volume inspect', { args: ['pgdata'] }],
  ['network ls', { args: [] }],
  ['network inspect', { args: ['backend'] }],
  ['inspect', { args: ['api'] }, { args: ['db'] }],
  ['upgrade', { args: ['--diff'] }],
  ['docs', { args: [] }, { args: ['--check'] }, { args: ['-o', '-'] }],
  ['graph', { args: ['--view', 'env'] }, { args: ['--format', 'svg'], noJson: true }],
  ['export swarm', { args: [] }, { args: ['-o', '-'] }],
  ['export k8s', { args: ['--ingress', 'shop.example.com'] }],
  // What they say of a deployment is read where there is a Swarm or a cluster.
  ['deploy swarm', { args: ['--dry-run'], code: 3 }],
  ['deploy k8s', { args: ['--dry-run', '--context', 'nowhere'], code: 3 }],
  ['recover', { args: [] }],
  ['completion', { args: ['bash'] }],
  ['help', { args: ['db', 'url'] }],
  ['version', { args: [] }],
  ['restart', { args: [], long: true }],
  ['stop', { args: [] }],
  ['start', { args: [] }],
  ['rm', { args: ['--stop', '--yes', 'api'] }],
  ['down', { args: [], long: true }],
  ['volume rm', { args: ['pgdata', '--no-backup', ...CONFIRMED], long: true }],
];

/** What a command needs to have something to do, also the second time. */
const BEFORE: Record<string, readonly string[][]> = {
  rm: [['up', '--no-wait']],
  'volume rm': [['up', 'db'], ['down']],
};

function interruptedAfter(text: string): (child: ChildProcess) => void {
  return (child) => {
    let printed = '';
    child.stdout?.on('data', (chunk) => {
      printed += chunk;
      if (printed.includes(text)) child.kill('SIGINT');
    });
  };
}

describe.skipIf(withoutDocker)('no command shows a secret', () => {
  let folder: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'invctl-quiet-')));
    env = { SHELL_TOKEN: `${MARKER}-shell`, RUN_TOKEN: `${MARKER}-run` };
    const port = await freePort();
    const made = await invctl(['init', '--name', NAME, '--port', String(port)], { cwd: folder });
    expect(made.code).toBe(0);
    for (const secret of ['db_password', 'admin_password']) {
      const file = join(folder, 'secrets', `${secret}.txt`);
      await rm(file);
      await writeFile(file, `${MARKER}-${secret}`, { mode: 0o444 });
    }
    const settings = join(folder, 'stack/.env');
    const text = await readFile(settings, 'utf8');
    await writeFile(settings, text.replace(/^(JWT_SECRET_KEY)=.*$/m, `$1=${MARKER}-${'k'.repeat(40)}`));
    await appendFile(
      settings,
      `MAIL_URL=smtp://shop:${MARKER}-url@mail\nAPI_TOKEN=x-${MARKER}-api\nMOTTO="we say \${SHELL_TOKEN}"\n`,
    );
    await writeFile(join(folder, '.env'), `NPM_TOKEN=${MARKER}-npm\n`);
    const compose = join(folder, 'compose.yaml');
    const written = await readFile(compose, 'utf8');
    const args = `build: {context: ./stack, args: {NPM_TOKEN: "\${NPM_TOKEN}"}}`;
    const label = `labels: {motto: "we say \${NPM_TOKEN}"}`;
    await writeFile(compose, written.replace('build: ./stack', `${args}\n    ${label}`));
    await mkdir(join(folder, 'copies'));
    await writeFile(join(folder, 'invctl.yaml'), 'backup: {copyTo: ./copies}\n');
    await writeFile(join(folder, 'query.sql'), 'SELECT 1;\n');
    await writeFile(join(folder, 'wrong.sql'), 'SELECT nothing;\n');
  });

  afterAll(async () => {
    await removeProject(NAME);
    expect(await leftovers(NAME)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it('of all that there are', async () => {
    const commands = [...(await allCommands()).keys()];
    expect(INVOCATIONS.map(([command]) => command).sort()).toEqual(commands.sort());
  });

  const newestBackup = async () => {
    const names = await readdir(join(folder, 'backups')).catch(() => []);
    return join(
      folder,
      'backups',
      names
        .filter((name) => name.endsWith('.dump'))
        .sort()
        .at(-1) ?? '',
    );
  };

  /** Values that were made since, which bear no marker. */
  const secrets = async () => [
    MARKER,
    await readFile(join(folder, 'secrets/db_password.txt'), 'utf8'),
    /^JWT_SECRET_KEY=(.*)$/m.exec(await readFile(join(folder, 'stack/.env'), 'utf8'))?.[1] as string,
  ];

  it.each(INVOCATIONS.flatMap(([command, ...all]) => all.map((one) => ({ command, ...one }))))(
    '$command $args',
    async ({ command, args, input, code = 0, long, noJson, until }) => {
      for (const global of noJson || (long && !atFullSize) ? [['-v']] : [['-v'], ['--json']]) {
        for (const before of BEFORE[command] ?? []) {
          const { code: ready } = await invctl(['--engine', 'docker', ...before], { cwd: folder, env });
          expect(ready).toBe(0);
        }
        const words = await Promise.all(args.map((word) => (word === 'BACKUP' ? newestBackup() : word)));
        const result: CliResult = await invctl(
          ['--engine', 'docker', ...global, ...command.split(' '), ...words],
          {
            cwd: folder,
            env,
            ...(input === undefined ? {} : { input }),
            ...(until === undefined ? {} : { onSpawn: interruptedAfter(until) }),
          },
        );
        expect(result.code, `${result.stdout}${result.stderr}`.slice(-1000)).toBe(code);
        const output = result.stdout + result.stderr;
        expect(output).not.toBe('');
        for (const secret of await secrets()) expect(output.includes(secret)).toBe(false);
      }
    },
  );
});
