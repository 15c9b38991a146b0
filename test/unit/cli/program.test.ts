import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/cli/command.js';
import { allCommands, COMMANDS } from '../../../src/cli/commands.js';
import { createProgram, helpOf, type Typed } from '../../../src/cli/program.js';
import { candidates } from '../../../src/commands/completion/candidates.js';
import { withProject } from '../../support/project/project-on-disk.js';

/** What a command line comes to: what `run` would be given. */
async function typed(...argv: string[]): Promise<Typed> {
  let found: Typed | undefined;
  const program = await createProgram(argv, '0', async (_: Command, given) => {
    found = given;
  });
  await program.parseAsync(argv, { from: 'user' });
  return found as Typed;
}

describe('a command line', () => {
  it('gives `run` every argument and flag by its key, typed or not', async () => {
    const { name, args, flags } = await typed('up', 'api', '--no-wait');
    expect(name).toBe('up');
    expect(args).toEqual({ services: ['api'] });
    expect(flags).toEqual({
      build: false,
      noBuild: false,
      noWait: true,
      timeout: 180,
      watch: false,
      attach: false,
    });
  });

  it('takes global options before and behind the command', async () => {
    for (const argv of [
      ['--json', '-C', 'shop', 'db', 'list'],
      ['db', 'list', '--json', '-C', 'shop'],
      ['db', '-C', 'shop', 'list', '--json'],
    ]) {
      const { name, globals } = await typed(...argv);
      expect(name, argv.join(' ')).toBe('db list');
      expect(globals, argv.join(' ')).toMatchObject({ json: true, directory: 'shop', yes: false });
    }
  });

  it.each([
    [['db', 'verify', 'x', '--level', '3'], { level: 3 }],
    [['db', 'verify', 'x'], { level: 1 }],
    [['logs', '--level', 'WARN', '--tail', '5'], { level: 'warn', tail: 5 }],
    [
      ['doctor', '--only', 'db.port, env.drift,', '--only', 'orphans'],
      { only: ['db.port', 'env.drift', 'orphans'] },
    ],
    [['run', '-e', 'A=1', '-e', 'B', 'api', '--', 'env'], { env: ['A=1', 'B'] }],
    [['db', 'schedule', '--at', '7:05'], { at: { hour: 7, minute: 5 } }],
    [['up', '--timeout', '0.5'], { timeout: 0.5 }],
    [['init', '--postgres', '17', '--db-name', 'shop'], { postgres: 17, dbName: 'shop' }],
  ])('%j gives %j', async (argv, expected) => {
    expect((await typed(...argv)).flags).toMatchObject(expected);
  });

  it('leaves what follows -- to the command, with its dashes', async () => {
    const { args, globals } = await typed('exec', 'api', '--', 'node', '--json', '-C', 'x');
    expect(args).toEqual({ service: 'api', words: ['node', '--json', '-C', 'x'] });
    expect(globals).toMatchObject({ json: false, directory: undefined });
  });

  it.each([
    [['up', '--timeout', '0'], '--timeout "0" is not a number of seconds above 0'],
    [['up', '--timeout', '1e3'], '--timeout "1e3" is not a number of seconds above 0'],
    [['logs', '--tail', '-1'], '--tail "-1" is not a number of lines'],
    [['logs', '--tail', '1.5'], '--tail "1.5" is not a number of lines'],
    [['logs', '--level', ''], '--level "" is not one of trace, debug, info, warn, error, fatal'],
    [['graph', '--view', 'all'], '--view "all" is not one of services, env, secrets, network, start'],
    [['db', 'verify', 'x', '--level', '01'], '--level "01" is not one of 0, 1, 2, 3'],
    [['db', 'toString'], "unknown command 'toString'"],
    [['constructor'], "unknown command 'constructor'"],
  ])('%j is refused before anything runs', async (argv, message) => {
    await expect(typed(...argv)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2, message });
  });

  it('loads only what was typed', async () => {
    const program = await createProgram(['db', 'list'], '0', async () => {});
    expect(program.commands.map((command) => command.name())).toEqual(['db']);
    expect(program.commands[0]?.commands.map((command) => command.name())).toEqual(['list']);
  });
});

describe('every command', () => {
  it('has a help that opens with an example', async () => {
    for (const name of ['', ...Object.keys(COMMANDS.commands), ...(await allCommands()).keys()]) {
      const help = await helpOf(name.split(' ').filter(Boolean), '0');
      expect(help.trimStart(), name).toMatch(/^\$ .*invctl/);
    }
  });

  it('has a name for each value, and no flag twice', async () => {
    for (const [name, { args = {}, flags = {} }] of await allCommands()) {
      const letters = Object.values({ ...COMMANDS.flags, ...flags }).flatMap(({ short }) => short ?? []);
      expect(new Set(letters).size, name).toBe(letters.length);
      expect(
        Object.keys(flags).filter((key) => key in (COMMANDS.flags ?? {})),
        name,
      ).toEqual([]);
      const several = Object.values(args)
        .slice(0, -1)
        .filter((value) => value.several);
      expect(several, name).toEqual([]);
    }
  });
});

describe('completion', () => {
  const files = {
    'compose.yaml': `name: shop
services:
  web: { image: debian, environment: { PORT: "1", DB_PASSWORD: x } }
  db: { image: "postgres:16", env_file: ./db.env }
networks:
  front: {}
volumes:
  data: {}
secrets:
  key: { file: ./key.txt }
`,
    'db.env': 'POSTGRES_USER=shop\n',
    'backups/shop-1.dump': '',
    'backups/shop-1.dump.manifest.json': '{}',
    'backups/shop-2.dump': '',
    'backups/shop-2.dump.manifest.json': '{}',
    'backups/half.dump': '',
  };
  const of = (words: string[], directory: string) => candidates(COMMANDS, words, { env: {}, directory });

  it.each([
    [
      ['logs', ''],
      ['web', 'db'],
    ],
    [['logs', 'web', 'd'], ['db']],
    [['network', 'inspect', ''], ['front']],
    [['volume', 'rm', ''], ['data']],
    [['volume', 'rm', 'data', ''], []],
    [
      ['secrets', 'rotate', ''],
      ['key', 'DB_PASSWORD'],
    ],
    [
      ['env', 'explain', 'P'],
      ['PORT', 'POSTGRES_USER'],
    ],
    [
      ['env', 'explain', '--service', ''],
      ['web', 'db'],
    ],
    [
      ['db', 'verify', ''],
      ['shop-2.dump', 'shop-1.dump'],
    ],
    [['doctor', '--only', 'db.port,env.dr'], ['db.port,env.drift']],
    [
      ['--engine', ''],
      ['auto', 'docker', 'embedded'],
    ],
    [['ps', '--engine=e'], ['--engine=embedded']],
    [
      ['db', 'backup', '--level', ''],
      ['1', '2', '3'],
    ],
    [
      ['secrets', ''],
      ['check', 'set', 'rotate'],
    ],
    [['secrets', 'no', ''], []],
    [['exec', 'web', '--', ''], []],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
  ])('of %j', (words, expected) =>
    withProject(files, async (directory) => {
      expect((await of(words, directory)).words).toEqual(expected);
    }),
  );

  it('of the project that -C names', () =>
    withProject(files, async (directory) => {
      expect(await of(['-C', directory, 'logs', ''], '/')).toEqual({ words: ['web', 'db'] });
    }));

  it.each([
    [['db', 'exec', ''], 'files'],
    [['db', 'restore', '/mnt/'], 'files'],
    [['docs', '-o', ''], 'files'],
    [['ps', '-C', ''], 'folders'],
    [['init', ''], 'folders'],
  ])('leaves files of %j to the shell', async (words, paths) => {
    expect(await of(words, '/')).toEqual({ words: [], paths });
  });

  it('offers nothing of a project that cannot be read, and fails at none', () =>
    withProject({ 'compose.yaml': 'services: [\n', 'invctl.yaml': 'backup: 1\n' }, async (directory) => {
      for (const words of [
        ['logs', ''],
        ['env', 'explain', ''],
        ['secrets', 'set', ''],
        ['db', 'list', ''],
      ])
        expect((await of(words, directory)).words, words.join(' ')).toEqual([]);
      expect((await of(['db', 'verify', ''], directory)).words).toEqual([]);
    }));
});
