import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { helpOf } from '../../../src/cli/program.js';
import { bin, invctl, othersReachTheCli } from '../../support/cli.js';
import { withoutDocker } from '../../support/docker.js';
import { schemaErrors } from '../../support/schema.js';

const withoutFish = spawnSync('fish', ['--version']).status !== 0;
if (withoutFish) console.warn('skipped: completion in a real fish (Debian: apt-get install fish)');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invctl-cli-'));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true }));

const WEB = 'name: shop\nservices:\n  web: { image: "debian:trixie-slim", command: [sleep, "60"] }\n';
const project = () => writeFile(join(folder, 'compose.yaml'), WEB);
const run = (args: readonly string[], env: Record<string, string | undefined> = {}) =>
  invctl(args, { cwd: folder, env });

/** A `docker` on PATH that says this. For faults of an installation that a test cannot make of a real one. */
async function fakeDocker(script: string): Promise<Record<string, string>> {
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };
}

describe('help', () => {
  it.each(['', 'db', 'db restore'])('of "%s" opens with an example', async (command) => {
    const words = command.split(' ').filter(Boolean);
    const { code, stdout } = await run([...words, '--help']);
    expect(code).toBe(0);
    expect(stdout.trimEnd()).toBe(await helpOf(words, ''));
    expect(stdout.trimStart()).toMatch(/^\$ .*invctl/);
  });

  it('goes to stderr with exit code 2 where no command was typed', async () => {
    expect(await run([])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('a bad command line', () => {
  it.each([
    [['upp'], 'did you mean up?'],
    [['bogus'], 'invctl --help'],
    [['up', '--biuld'], 'did you mean --build?'],
    [['--engine', 'podman', 'ps'], '--engine auto|docker|embedded'],
    [['up', '--timeout', 'soon'], 'not a number of seconds'],
    [['logs', '--tail', 'x'], 'not a number of lines'],
    [['logs', '--since', 'yesterdayish'], 'is not a time'],
    [['logs', '--level', 'loud'], 'trace|debug|info'],
    [['exec', 'web'], 'missing required argument'],
    [['db', 'backup', '--level', '0'], 'is not one of 1, 2, 3'],
    [['db', 'backup', '--format', 'tar'], '--format custom|plain'],
    [['db', 'prune', '--daily', '-1'], 'is not a number of days'],
    [['db', 'schedule', '--at', '25:00'], 'is not a time of day'],
    [['db', 'upgrade', '--to', 'latest'], 'is not a major version'],
    [['doctor', '--format', 'xml'], '--format text|json|sarif'],
    [['run', '-e', '=x', 'web', '--', 'true'], 'the name of a variable'],
    [['init', '--port', '70000'], 'at most 65535'],
    [['completion', 'bsh'], 'completion bash'],
    [['volume'], 'needs a subcommand'],
    [[], 'next:  invctl --help\n'],
    [['db', '--no'], 'next:  invctl db --help\n'],
    [['db', 'backup', '--no'], 'next:  invctl db backup --help\n'],
    [['-C', '/', 'volume', 'rm'], 'next:  invctl volume rm --help\n'],
  ])('%j is exit code 2 and says %s', async (args, text) => {
    await project();
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(text);
    const json = await run(['--json', ...args]);
    expect(json.code).toBe(2);
    const document = JSON.parse(json.stdout);
    expect(schemaErrors('error', document)).toEqual([]);
    expect(document.error.code).toBe('USAGE');
  });

  it('takes --json from the environment as well', async () => {
    const { stdout } = await run(['upp'], { INVCTL_JSON: '1' });
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'USAGE' } });
  });
});

describe('a folder', () => {
  it('without a project is exit code 4 and names init', async () => {
    for (const command of ['up', 'ps', 'down', 'logs', 'config', 'status']) {
      const { code, stderr } = await run([command]);
      expect(code, command).toBe(4);
      expect(stderr).toContain('no compose file');
      expect(stderr).toContain('invctl init');
    }
  });

  it('that does not exist, or is a file, is named', async () => {
    expect((await run(['-C', 'nowhere', 'ps'])).stderr).toContain(join(folder, 'nowhere'));
    await project();
    const { code, stderr } = await run(['-C', 'compose.yaml', 'ps']);
    expect(code).toBe(4);
    expect(stderr).toContain('is not a folder');
  });
});

describe('an engine', () => {
  it('that does not answer is exit code 3 and names the embedded one', async () => {
    await project();
    const { code, stderr } = await run(['--engine', 'docker', 'up'], { DOCKER_HOST: 'unix:///nonexistent' });
    expect(code).toBe(3);
    expect(stderr).toContain('--engine embedded');
  });

  it('whose client is not installed is exit code 3', async () => {
    await project();
    const { code, stdout } = await run(['--engine', 'docker', '--json', 'up'], {
      PATH: folder,
    });
    const document = JSON.parse(stdout);
    expect(document.error.code).toBe('ENGINE_MISSING');
    expect(code).toBe(3);
  });

  it('without Compose v2 is exit code 3', async () => {
    await project();
    const env = await fakeDocker(
      `[ "$1" = compose ] || exit 0\necho "docker: 'compose' is not a docker command.\nSee 'docker --help'" >&2; exit 1`,
    );
    const { code, stdout } = await run(['--engine', 'docker', '--json', 'up'], env);
    expect(JSON.parse(stdout).error.code).toBe('COMPOSE_MISSING');
    expect(code).toBe(3);
  });

  // Only root can become a user whom the socket refuses; the socket is the real one.
  it.skipIf(withoutDocker || process.getuid?.() !== 0 || !othersReachTheCli())(
    'that we may not use is exit code 3',
    async () => {
      await project();
      const { code, stdout } = await invctl(['--engine', 'docker', '--json', 'ps'], {
        cwd: folder,
        env: { HOME: folder },
        uid: 65_534,
      });
      expect(JSON.parse(stdout).error.code).toBe('ENGINE_DENIED');
      expect(code).toBe(3);
    },
  );

  it('that has the data is the one that auto means, answering or not', async () => {
    await project();
    await mkdir(join(folder, '.invctl'));
    await writeFile(join(folder, '.invctl/engine'), 'docker\n');
    const { code } = await run(['ps'], { DOCKER_HOST: 'unix:///nonexistent' });
    expect(code).toBe(3);
  });
});

describe('Node', () => {
  it('that is too old is refused before anything else is loaded', async () => {
    await writeFile(
      join(folder, 'old.mjs'),
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });\n",
    );
    const { code, stdout, stderr } = await invctl(['up'], {
      cwd: folder,
      command: [process.execPath, '--import', join(folder, 'old.mjs'), bin],
    });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('needs Node 20.19 or later; this is 18.20.4');
  });
});

describe('a bug', () => {
  it("prints as one, with our files and lines in place of the bundle's", async () => {
    await project();
    await writeFile(
      join(folder, 'broken.cjs'),
      "const fs = require('node:fs');\nfs.statSync = () => { throw new Error('broken'); };\nrequire('node:module').syncBuiltinESMExports();\n",
    );
    const { code, stderr } = await invctl(['ps'], {
      cwd: folder,
      command: [process.execPath, '--require', join(folder, 'broken.cjs'), bin],
    });
    expect(code).toBe(1);
    expect(stderr).toContain('this is a bug in invctl');
    expect(stderr).toMatch(/at locateProject \(src\/project\/locate\.ts:\d+:\d+\)/);
    expect(stderr).not.toContain('dist/');
  });
});

describe('streams', () => {
  it('carry no colour on a pipe, and colour where it is forced', async () => {
    const sequence = `${String.fromCharCode(27)}[`;
    expect((await run(['ps'])).stderr).not.toContain(sequence);
    expect((await run(['ps'], { FORCE_COLOR: '1' })).stderr).toContain(`${sequence}31m`);
    expect((await run(['ps', '--no-color'], { FORCE_COLOR: '1' })).stderr).not.toContain(sequence);
  });

  it('end quietly when the reader goes away', async () => {
    const { code } = await invctl(['completion', 'bash'], {
      cwd: folder,
      onSpawn: (child) => child.stdout?.destroy(),
    });
    expect(code).toBe(0);
  });
});

describe('completion', () => {
  it.each([
    [['u'], ['up', 'upgrade']],
    [
      ['volume', ''],
      ['ls', 'inspect', 'rm'],
    ],
    [['logs', ''], ['web']],
    [
      ['up', '--no'],
      ['--no-wait', '--no-build', '--no-input', '--no-color'],
    ],
    [['exec', 'web', '--', ''], []],
    [['ps', '-C', ''], []],
  ])('of %j', async (words, expected) => {
    await project();
    const { stdout } = await run(['completion', '--candidates', '--', ...words]);
    expect(stdout.split('\n').filter(Boolean).sort()).toEqual([...expected].sort());
  });

  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    const { code, stdout } = await run(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain('invctl completion --candidates');
  });

  it('works in a real bash, and leaves names of files to it', async () => {
    await project();
    await mkdir(join(folder, 'sub dir'));
    const script = `invctl() { '${process.execPath}' '${bin}' "$@"; }
      source <(invctl completion bash)
      of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _invctl; printf '<%s>' "\${COMPREPLY[@]}"; }
      of invctl logs w; of invctl db exec com; of invctl -C s`;
    const { stdout } = await invctl(['-c', script], { cwd: folder, command: ['bash'] });
    expect(stdout).toBe('<web><compose.yaml><sub dir>');
  });

  it.skipIf(withoutFish)('works in a real fish, which is left the names of files as well', async () => {
    await project();
    const script = `function invctl; '${process.execPath}' '${bin}' $argv; end
      invctl completion fish | source
      complete -C 'invctl logs w'; complete -C 'invctl db exec com'`;
    const { stdout } = await invctl(['-c', script], { cwd: folder, command: ['fish', '--no-config'] });
    expect(stdout.split('\n').filter(Boolean)).toEqual(['web', 'compose.yaml']);
  });
});
