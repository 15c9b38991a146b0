import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServiceContext } from '../../../../src/services/context.js';
import { installSchedule, renderSchedule } from '../../../../src/services/database/schedule.js';
import { bin, invctl, scriptEnvironment } from '../../../support/cli.js';

/** Whether this machine lets a test have its own /etc and /run. */
const ownMounts = spawnSync('unshare', ['--mount', 'true']).status === 0;
const hasSystemdAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'invctl schedule '));
  writeFileSync(join(directory, 'compose.yaml'), 'name: shop\nservices: {db: {image: "postgres:16"}}\n');
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

describe('db schedule --install', () => {
  it.skipIf(!ownMounts)('gives root a timer of the system that systemd accepts', () => {
    const script = `mount -t tmpfs tmpfs /etc/systemd/system && mount -t tmpfs tmpfs /run &&
mkdir -p /run/systemd/system && "$1" "$2" db schedule --install --at 03:15 --json && cd /etc/systemd/system &&
stat -c '%n %a' * >&2 && cat *.timer >&2 &&
${hasSystemdAnalyze ? 'systemd-analyze verify /etc/systemd/system/*.timer /etc/systemd/system/*.service' : 'true'}`;
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', script, 'sh', process.execPath, bin],
      { cwd: directory, encoding: 'utf8', env: scriptEnvironment() },
    );
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const { data, warnings } = JSON.parse(stdout);
    expect(warnings).toEqual([]);
    expect(data).toMatchObject({
      installed: [
        '/etc/systemd/system/invctl-backup-shop.service',
        '/etc/systemd/system/invctl-backup-shop.timer',
      ],
      enable: 'systemctl daemon-reload && systemctl enable --now invctl-backup-shop.timer',
    });
    expect(stderr).toMatch(/^invctl-backup-shop.service 644\ninvctl-backup-shop.timer 644\n/);
    expect(stderr).toContain('OnCalendar=*-*-* 03:15:00');
  });

  it.skipIf(!ownMounts)('does not say "switch it on" where no systemd runs that would', () => {
    const { stdout, stderr } = spawnSync(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs tmpfs /etc/systemd/system && mount -t tmpfs tmpfs /run && "$1" "$2" db schedule --install`,
        'sh',
        process.execPath,
        bin,
      ],
      { cwd: directory, encoding: 'utf8', env: scriptEnvironment() },
    );
    expect(stderr).toMatch(/systemd does not run .* nothing runs these units here: .*--cron --install/);
    expect(stdout).toMatch(/^where systemd runs, switch it on: {2}systemctl /m);
  });

  it('takes along what leads from this shell to the engine or the cluster', async () => {
    const job = async (...words: string[]) => {
      const { stdout } = await invctl([...words, 'db', 'schedule', '--cron'], {
        cwd: directory,
        env: {
          DOCKER_HOST: 'tcp://127.0.0.1:9',
          DOCKER_CONTEXT: undefined,
          KUBECONFIG: 'one:/etc/two',
          INVCTL_STATE_DIR: undefined,
          HOME: '/home/me',
          PATH: '/usr/bin:/bin',
        },
      });
      return stdout;
    };
    expect(await job()).toContain(
      `export PATH=/usr/bin:/bin HOME=/home/me DOCKER_HOST=tcp://127.0.0.1:9 KUBECONFIG='${directory}/one:/etc/two' && `,
    );
    const there = await job('--host', 'ssh://me@192.0.2.1');
    expect(there).toContain(' --host ssh://me@192.0.2.1 -C ');
    expect(there).not.toContain('DOCKER_HOST');
    expect(there).toMatch(/ # invctl shop-me_192\.0\.2\.1\n$/);
  });

  it('gives a user a timer of their own', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    const context = {
      env: { PATH: '/usr/bin', XDG_CONFIG_HOME: join(directory, 'config') },
      project: () => ({ name: 'shop', directory }),
      warn() {},
    } as unknown as ServiceContext;
    const at = { hour: 2, minute: 30 };
    const files = await renderSchedule(context, { at, format: 'systemd', program: ['/bin/true'] });
    const { enable } = await installSchedule(context, files);
    const folder = join(directory, 'config', 'systemd', 'user');
    expect(readdirSync(folder).sort()).toEqual(files.map(({ name }) => name).sort());
    for (const { name, content } of files) expect(readFileSync(join(folder, name), 'utf8')).toBe(content);
    expect(enable).toContain('systemctl --user enable --now invctl-backup-shop.timer');
  });
});

describe('db schedule --cron --install', () => {
  const table = () => join(directory, 'table');

  /** A crontab program that keeps its table in a file. */
  function crontab(list: string): Record<string, string> {
    const folder = join(directory, 'bin');
    mkdirSync(folder);
    const script = `#!/bin/sh
case "$1" in -l) ${list};; -) cat > '${table()}';; *) exit 2;; esac
`;
    writeFileSync(join(folder, 'crontab'), script);
    chmodSync(join(folder, 'crontab'), 0o755);
    return { PATH: `${folder}:${process.env.PATH}` };
  }

  const install = (env: Record<string, string>, ...more: string[]) =>
    invctl(['db', 'schedule', '--cron', '--install', '--json', ...more], { cwd: directory, env });

  it('adds one line, keeps those of others, and takes the place of its own', async () => {
    const env = crontab(`cat '${table()}'`);
    const others = 'MAILTO=me@example.org\n# nightly\n0 1 * * * other # invctl my-shop\n';
    writeFileSync(table(), others);
    expect(JSON.parse((await install(env)).stdout).data).toMatchObject({
      installed: ['crontab'],
      enable: null,
    });
    const first = readFileSync(table(), 'utf8');
    expect(first.startsWith(others)).toBe(true);
    expect(first.slice(others.length)).toMatch(/^30 2 \* \* \* export PATH=.* db backup .* # invctl shop\n$/);
    await install(env, '--at', '04:05');
    const lines = readFileSync(table(), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatch(/^5 4 \* \* \* /);
  });

  it('begins the table of a user who has none', async () => {
    const env = crontab('echo "no crontab for me" >&2; exit 1');
    expect(await install(env)).toMatchObject({ code: 0 });
    expect(readFileSync(table(), 'utf8').trimEnd().split('\n')).toHaveLength(1);
  });

  it('writes nothing where it cannot read what is there', async () => {
    const env = crontab('echo "must be privileged" >&2; exit 1');
    writeFileSync(table(), 'precious\n');
    const { code, stdout } = await install(env);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'CRONTAB_FAILED' });
    expect(readFileSync(table(), 'utf8')).toBe('precious\n');
  });

  it('names what to do on a machine without cron', async () => {
    const { code, stdout } = await install({ PATH: join(directory, 'empty') });
    expect(code).toBe(1);
    const { error } = JSON.parse(stdout);
    expect(error).toMatchObject({
      code: 'NO_CRONTAB',
      hint: expect.stringContaining('apt-get install cron'),
    });
    // What does not run here is not advised.
    expect(error.hint.includes('invctl db schedule --install')).toBe(existsSync('/run/systemd/system'));
  });
});
