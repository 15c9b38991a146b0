import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CliOptions, type CliResult, invctl } from '../../support/cli.js';
import { withoutDocker } from '../../support/docker.js';
import { docker } from '../../support/docker-project.js';
import { atFullSize, faultSteps } from '../../support/fault-counts.js';
import { stoppedAt } from '../../support/kill-at-step.js';
import { commandLines, processesNaming } from '../../support/leaks.js';
import { type Machine, startMachine, whyNoMachine } from '../../support/remote/machine.js';
import { schemaErrors } from '../../support/schema.js';

const reason = withoutDocker ? 'no Docker engine answers here' : whyNoMachine();
if (reason) console.warn(`skipped: another machine by SSH (${reason})`);

/** A service that tells, over HTTP, what its secret and its mounted folder hold. */
const COMPOSE = `
name: NAME
services:
  web:
    image: debian:trixie-slim
    init: true
    command: [perl, /srv/site/server.pl]
    secrets: [token]
    volumes: ["./site:/srv/site:ro"]
    ports: ["127.0.0.1:8080:8080"]
    stop_grace_period: 1s
    healthcheck: { test: [CMD, test, -e, /tmp/ready], start_interval: 100ms, start_period: 30s, interval: 1s }
secrets:
  token: { file: ./secrets/token.txt }
`;
const DATABASE = `
name: NAME
services:
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD_FILE: /run/secrets/token }
    secrets: [token]
    volumes: [pgdata:/var/lib/postgresql/data]
    healthcheck: { test: [CMD, pg_isready, -q, -h, 127.0.0.1], start_period: 1m, start_interval: 250ms }
volumes: { pgdata: {} }
secrets:
  token: { file: ./secrets/token.txt }
`;
const SERVER = `
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die $!;
open(my $ready, '>', '/tmp/ready');
$SIG{TERM} = sub { exit 0 };
sub content { open(my $file, '<', $_[0]) or return "no $_[0]"; local $/; <$file> }
while (my $client = $server->accept) {
  <$client>;
  my $text = content('/run/secrets/token') . '|' . content('/srv/site/text');
  print $client "HTTP/1.0 200 OK\\r\\nContent-Length: " . length($text) . "\\r\\n\\r\\n$text";
  close $client;
}
`;

describe.skipIf(reason)('another machine by SSH', () => {
  let machine: Machine;
  let home: string;
  let folder: string;
  let name: string;
  let value: string;

  beforeAll(async () => {
    machine = startMachine();
    home = await mkdtemp(join(tmpdir(), 'invctl-remote-'));
  });
  afterAll(async () => {
    machine?.remove();
    await rm(home, { recursive: true, force: true });
    expect(processesNaming(home)).toEqual([]);
  });
  beforeEach(async () => {
    name = `invctl-remote-${randomBytes(4).toString('hex')}`;
    value = randomBytes(16).toString('hex');
    folder = await project(COMPOSE);
  });

  // What a test that failed left is no matter of the next one.
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    await machine.run('docker rm -f $(docker ps -aq) 2>/dev/null; rm -rf /root/.invctl /tmp/*; true');
  });

  async function project(compose: string): Promise<string> {
    const made = await mkdtemp(join(home, 'project-'));
    await mkdir(join(made, 'secrets'));
    await mkdir(join(made, 'site'));
    await writeFile(join(made, 'compose.yaml'), compose.replaceAll('NAME', name));
    await writeFile(join(made, 'secrets', 'token.txt'), value, { mode: 0o600 });
    await writeFile(join(made, 'site', 'server.pl'), SERVER);
    await writeFile(join(made, 'site', 'text'), 'first');
    return made;
  }

  const run = (args: readonly string[], options: Partial<CliOptions> = {}): Promise<CliResult> =>
    invctl(args, {
      cwd: folder,
      ...options,
      env: {
        INVCTL_STATE_DIR: join(home, 'state'),
        TMPDIR: home,
        XDG_RUNTIME_DIR: undefined,
        ...machine.env,
        ...options.env,
      },
    });
  const there = (...args: string[]) => run(['--host', `ssh://root@${machine.address}`, ...args]);
  async function json(...args: string[]) {
    const { stdout } = await there('--json', ...args);
    const document = JSON.parse(stdout);
    const schema = document.ok ? document.command.replaceAll(' ', '-') : 'error';
    expect(schemaErrors(schema, document)).toEqual([]);
    return document;
  }
  const down = async (...flags: string[]) => expect((await there('down', ...flags)).code).toBe(0);
  const sockets = () => readdirSync(home).filter((one) => one.startsWith('invctl-ssh-'));
  /** What `web` answers, through a forward that `open` makes. */
  async function answer(): Promise<string> {
    let said = '';
    const opening = run(['--host', `ssh://root@${machine.address}`, 'open', 'web'], {
      onSpawn: (child) => {
        child.stdout?.on('data', async (chunk) => {
          const response = await fetch(String(chunk).trim()).catch((error) => error);
          said = response instanceof Response ? await response.text() : String(response);
          child.kill('SIGINT');
        });
      },
    });
    expect((await opening).code).toBe(130);
    return said;
  }

  it('has the image sent, the files carried, the port forwarded, and nothing left afterwards', async () => {
    const up = await there('up');
    expect([up.code, up.stderr]).toEqual([0, expect.stringContaining('sending debian:trixie-slim')]);
    expect(up.stdout).toContain(`ssh -N -L 8080:127.0.0.1:8080 root@${machine.address}`);
    // On that machine, and not on this one.
    expect(await machine.run('docker ps --format "{{.Names}}"')).toBe(`${name}-web-1`);
    expect(await docker('ps', '--all', '--quiet', '--filter', `name=${name}`)).toBe('');
    expect(await answer()).toBe(`${value}|first`);

    const folders = await machine.run('find /root/.invctl -type d -maxdepth 2 -printf "%m "');
    expect(folders).toMatch(/^(700 ?)+$/);
    const document = await json('ps');
    expect(document).toMatchObject({
      host: `ssh://root@${machine.address}`,
      data: { services: [{ health: 'healthy' }] },
    });
    expect(document.data.services[0].url).toBeUndefined();
    expect((await json('status')).data.services[0].ports).toEqual(['127.0.0.1:8080->8080/tcp']);
    expect((await there('exec', 'web', '--', 'cat', '/run/secrets/token')).stdout).toBe(value);

    await down();
    expect(await machine.run('ls -A /root /tmp')).toBe('/root:\n\n/tmp:');
    expect(sockets()).toEqual([]);
    expect(existsSync(join(folder, '.invctl'))).toBe(false);
  });

  it('is sent the layers of a rebuilt image that it lacks, and no others', async () => {
    const image = `${name}-api`;
    const build = async (text: string) => {
      await writeFile(
        join(folder, 'Dockerfile'),
        'FROM debian:trixie-slim\nRUN head -c 4000000 /dev/urandom > /dependencies\nCOPY edit /edit\n',
      );
      await writeFile(join(folder, 'edit'), text);
      await docker('build', '--quiet', '--tag', image, folder);
    };
    // What came in over the network card of that machine, in bytes.
    const received = async () =>
      Number((await machine.run("sed -n 's/ *eth0: *\\([0-9]*\\).*/\\1/p' /proc/net/dev")) || Number.NaN);
    await writeFile(
      join(folder, 'compose.yaml'),
      `name: ${name}\nservices:\n  api: { image: ${image}, init: true, command: [sleep, 1d], stop_grace_period: 0s }\n`,
    );
    try {
      const sent: number[] = [];
      for (const text of ['first', 'second']) {
        await build(text);
        const before = await received();
        const up = await there('up');
        expect([up.code, up.stderr]).toEqual([0, expect.stringMatching(new RegExp(`sending .*${image}`))]);
        sent.push((await received()) - before);
        expect((await there('exec', 'api', '--', 'cat', '/edit')).stdout).toBe(text);
      }
      const [first = 0, second = 0] = sent;
      console.log(`bytes sent to the other machine: ${first}, and after an edit: ${second}`);
      // The base has 80 MB, the dependencies 4 MB, the edit a few bytes.
      expect([first > 4e6, second < 5e5]).toEqual([true, true]);
      const again = await there('up');
      expect(again.stderr).not.toContain('sending');
    } finally {
      await docker('image', 'rm', '--force', image);
    }
    await down();
    await machine.run(`docker image rm --force ${image}`);
  });

  it('recreates a container whose mounted file, or secret, has changed, and no other', async () => {
    expect((await there('up')).code).toBe(0);
    const again = await there('up');
    expect(again.stdout).toContain('nothing was changed');
    await writeFile(join(folder, 'site', 'text'), 'second');
    await writeFile(join(folder, 'secrets', 'token.txt'), 'another-value-0123456789');
    expect((await there('up')).code).toBe(0);
    expect(await answer()).toBe('another-value-0123456789|second');
    // The copies of before are gone.
    expect(await machine.run(`grep -rl ${value} /root/.invctl || true`)).toBe('');
    await down();
  });

  it('is understood where its login shell prints something first', async () => {
    await machine.run("echo 'echo Welcome; echo held; echo of the shell >&2' > /root/.bashrc");
    try {
      for (const text of ['first', 'second']) {
        await writeFile(join(folder, 'site', 'text'), text);
        expect(await json('up')).toMatchObject({ ok: true });
        expect(await answer()).toBe(`${value}|${text}`);
      }
      await down('--volumes', '--confirm', name, '--no-backup');
    } finally {
      await machine.run('rm /root/.bashrc');
    }
  });

  it('shows no secret in an argument vector, and none by the names of its copies', async () => {
    const seen = new Set<string>();
    let running = true;
    const up = there('up').finally(() => {
      running = false;
    });
    while (running) {
      for (const line of commandLines()) seen.add(line);
      await sleep(20);
    }
    expect((await up).code).toBe(0);
    expect([...seen].some((line) => line.includes('ControlPath'))).toBe(true);
    expect([...seen].filter((line) => line.includes(value))).toEqual([]);
    const names = await machine.run('ls /root/.invctl/*/files');
    // A hash of the content alone could be tried out by whoever sees the mount.
    const { createHash } = await import('node:crypto');
    expect(names).not.toContain(createHash('sha256').update(value).digest('hex').slice(0, 8));
    await down();
  });

  it('keeps what a service writes into a mounted folder until the volumes go', async () => {
    folder = await project(
      COMPOSE.replace('"./site:/srv/site:ro"', '"./site:/srv/site:ro", "./uploads:/srv/uploads"'),
    );
    const up = await there('up');
    expect([up.code, up.stderr]).toEqual([
      0,
      expect.stringMatching(/uploads, which "web" may write to, is a folder of/),
    ]);
    const write = ['exec', 'web', '--', 'sh', '-c', 'echo kept > /srv/uploads/file'];
    expect((await there(...write)).code).toBe(0);
    await down();
    const again = await there('up');
    expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('uploads')]);
    expect((await there('exec', 'web', '--', 'cat', '/srv/uploads/file')).stdout).toBe('kept\n');
    await down('--yes', '--volumes', '--no-backup', '--confirm', name);
    expect(await machine.run('ls -A /root')).toBe('');
  });

  it('refuses a database in a mounted folder, with nothing made', async () => {
    folder = await project(COMPOSE.replace('"./site:/srv/site:ro"', '"./data:/var/lib/postgresql/data"'));
    const { code, stderr } = await there('up');
    expect([code, stderr]).toEqual([4, expect.stringContaining('"web" keeps a database in data')]);
    expect(stderr).toContain('use a named volume');
    expect(await machine.run('ls -A /root; docker ps -aq')).toBe('');
  });

  it('lets one person at a time change the project, and takes over from one whose process is gone', async () => {
    const never = COMPOSE.replace('/tmp/ready]', '/tmp/never]');
    folder = await project(never);
    let killFirst = () => {};
    const first = run(['--host', `ssh://root@${machine.address}`, 'up'], {
      onSpawn: (child) => {
        killFirst = () => child.kill('SIGKILL');
      },
    });
    await until(async () => (await machine.run('docker ps -q')) !== '');
    const left = sockets();
    expect(left).toHaveLength(1);

    // Another person has a folder of the same project.
    folder = await project(COMPOSE);
    const second = await json('up');
    expect(second.error).toMatchObject({ code: 'PROJECT_LOCKED' });
    expect(second.error.message).toMatch(/`invctl up` of \S+@\S+, since .*, holds this project on/);
    expect(second.error.hint).toContain('kill');

    killFirst();
    await first;
    await until(async () => (await machine.run('ls /tmp')) === '');
    expect((await there('up')).code).toBe(0);
    // The killed one's sockets went with the next connection; its master ends by itself.
    expect(sockets()).toEqual([]);
    await until(async () => processesNaming(left[0] as string).length === 0);
    await down();
  });

  it('takes over a lock that the host itself lost, and names one that it may not remove', async () => {
    const lock = `/tmp/invctl-${name}.lock`;
    await machine.run(`ln -s "999999 1/boot ann@laptop 2026-01-01T00:00:00Z invctl up" ${lock}`);
    expect((await there('restart')).code).toBe(0);
    expect(await machine.run('ls -A /tmp')).toBe('');
    const start = `$(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20)/$(cat /proc/sys/kernel/random/boot_id)`;
    await machine.run(`ln -s "1 ${start} ann@laptop 2026-01-01T00:00:00Z invctl db restore" ${lock}`);
    const { code, stderr } = await there('restart');
    expect([code, stderr]).toEqual([9, expect.stringContaining('`invctl db restore` of ann@laptop')]);
    await machine.run(`rm ${lock}`);
  });

  it('says what is wrong on the way, each with exit code 3 and a hint of its own', async () => {
    const { port, close } = await silentServer();
    const root = `ssh://root@${machine.address}`;
    const cases: [string, RegExp, RegExp][] = [
      ['ssh://root@no-such-host.invalid', /no-such-host.invalid leads to no machine/, /getent hosts/],
      [`ssh://root@${machine.address}:1`, /nothing listens on its port 1/, /--host ssh:/],
      ['ssh://root@127.0.0.1:22', /nothing listens|not seen 127.0.0.1 before/, /ssh|--host/],
      [`ssh://root@127.0.0.1:${port}`, /ssh to 127.0.0.1 failed: /, /has to work first/],
      [`ssh://ghost@${machine.address}`, /does not let ghost in with a key/, /ssh-copy-id ghost@/],
      [
        `ssh://nobody@${machine.address}`,
        /runs no programs for you: This account is .* not available/,
        /sh -c true/,
      ],
      [`ssh://ann@${machine.address}`, /ann on .* does not have permission/, /sudo usermod -aG docker ann/],
      [`${root}/run/none.sock`, /has no socket \/run\/none.sock/, /systemctl start docker/],
    ];
    try {
      for (const [host, why, next] of cases) {
        const { code, stderr } = await run(['--host', host, 'ps']);
        expect([host, code, stderr]).toEqual([host, 3, expect.stringMatching(why)]);
        expect([host, stderr]).toEqual([host, expect.stringMatching(next)]);
      }
    } finally {
      close();
    }
    const known = await readFile(machine.knownHosts, 'utf8');
    try {
      await writeFile(machine.knownHosts, '');
      const unknown = await there('ps');
      expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('has not seen')]);
      const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIGcH1DZmPcuNl4HLmFDt9Y8xhWUUbTnLdVCZPqrNmKXk';
      await writeFile(machine.knownHosts, `${machine.address} ssh-ed25519 ${key}\n`);
      const changed = await there('ps');
      expect([changed.code, changed.stderr]).toEqual([
        3,
        expect.stringContaining('another host key than before'),
      ]);
      expect(changed.stderr).toContain(`ssh-keygen -R ${machine.address}`);
    } finally {
      await writeFile(machine.knownHosts, known);
    }
    for (const [flags, why] of [
      [['--host', 'shop.example'], /not an address of the form ssh:/],
      [['--host', 'ssh://-oProxyCommand=true'], /not an address of the form ssh:/],
      [['--host', 'ssh://me:pass@shop'], /a password does not belong/],
      [['--host', root, '--context', 'x'], /both say which engine/],
      [['--host', root, '--engine', 'embedded'], /the embedded engine runs on this machine only/],
    ] as const) {
      const { code, stderr } = await run([...flags, 'ps']);
      expect([flags, code, stderr]).toEqual([flags, 2, expect.stringMatching(why)]);
    }
    expect(sockets()).toEqual([]);
  });

  it('without an engine says whether it is stopped, by doctor as well', async () => {
    await machine.run('mv /var/run/docker.sock /var/run/away.sock');
    try {
      const { code, stderr } = await there('up');
      expect([code, stderr]).toEqual([3, expect.stringContaining('does not run: it has no socket')]);
      const { data } = await json('doctor');
      expect(data.rootCauses).toContain('engine.unreachable');
    } finally {
      await machine.run('mv /var/run/away.sock /var/run/docker.sock');
    }
  });

  it('tells a connection that is lost in the middle from an error of the engine', async () => {
    folder = await project(COMPOSE.replace('/tmp/ready]', '/tmp/never]'));
    const up = there('up');
    await until(async () => (await machine.run('docker ps -q')) !== '');
    const [master] = processesNaming(sockets()[0] as string).filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('[mux]'),
    );
    process.kill(Number(master), 'SIGKILL');
    const { code, stderr } = await up;
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining(`the connection to ${machine.address} was lost`),
    ]);
    expect(sockets()).toEqual([]);
    await until(async () => (await machine.run('ls /tmp')) === '');
    await down();
  });

  it('leaves nothing half carried where the disk there is full', async () => {
    await mkdir(join(folder, 'site', 'more'));
    await writeFile(join(folder, 'site', 'more', 'big'), randomBytes(3e6));
    await machine.run('mkdir -p /root/.invctl && mount -t tmpfs -o size=1m tmpfs /root/.invctl');
    try {
      const { code, stderr } = await there('up');
      expect([code, stderr]).toEqual([3, expect.stringContaining('No space left on device')]);
      expect(stderr).toContain(`ssh root@${machine.address} df -h`);
      expect(await machine.run('find /root/.invctl -type f ! -name salt; docker ps -aq')).toBe('');
    } finally {
      await machine.run('umount /root/.invctl && rm -rf /root/.invctl');
    }
  });

  it('has its ports and its disk judged by the doctor, and not those of this machine', async () => {
    // Where another process has the port already, that one is as good.
    const own = createServer()
      .on('error', () => {})
      .listen(8080, '127.0.0.1');
    try {
      // A port that this machine has is none of that machine's.
      expect((await there('doctor', '--only', 'port.in-use')).code).toBe(0);
    } finally {
      own.close();
    }
    // The address can be reused, because a connection of an earlier test may wait there for its end. 0A: it listens.
    const listen = `perl -MIO::Socket::INET -e 'our $held = IO::Socket::INET->new(LocalAddr=>"127.0.0.1:8080",Listen=>1,ReuseAddr=>1) or die; sleep 280'`;
    await machine.run(
      `setsid nohup ${listen} >/dev/null 2>&1 </dev/null & echo $! > /tmp/listener; until grep -q "0100007F:1F90 00000000:0000 0A" /proc/net/tcp; do sleep 0.1; done`,
    );
    try {
      const { error } = await json('up');
      expect(error).toMatchObject({ code: 'PORT_IN_USE' });
      expect(error.message).toContain(`held by a process of ${machine.address}`);
      expect(error.hint).toContain(`ssh root@${machine.address} sudo ss -ltnp`);
      expect(error.hint).toContain('8080 → 8081');
    } finally {
      await machine.run('kill $(cat /tmp/listener); rm /tmp/listener');
    }
    const { data } = await json('doctor');
    const outcomes = new Map(
      data.checks.map((check: { id: string; outcome: string }) => [check.id, check.outcome]),
    );
    expect(data.checks.filter(({ outcome }: { outcome: string }) => outcome === 'crashed')).toEqual([]);
    for (const id of ['disk.full', 'clock.skew', 'port.in-use', 'secret.unreadable']) {
      expect([id, outcomes.get(id)]).toEqual([id, 'pass']);
    }
  });

  it('is reached by a docker context, by variables, and by an environment', async () => {
    const config = { DOCKER_CONFIG: join(home, 'docker-config') };
    await mkdir(config.DOCKER_CONFIG, { recursive: true });
    const url = `ssh://root@${machine.address}`;
    await execDocker(['context', 'create', 'shop', '--docker', `host=${url}`], config);
    const host = async (args: readonly string[], env: Record<string, string> = {}) => {
      const { stdout, stderr } = await run(['--json', ...args, 'ps'], { env: { ...config, ...env } });
      expect(stderr).toBe('');
      return JSON.parse(stdout).host;
    };
    expect(await host(['--context', 'shop'])).toBe(url);
    expect(await host([], { INVCTL_HOST: url })).toBe(url);
    expect(await host([], { DOCKER_CONTEXT: 'shop' })).toBe(url);
    expect(await host(['--context', 'default'])).toBeUndefined();
    await writeFile(
      join(folder, 'invctl.yaml'),
      `environments:\n  live: { host: "${url}" }\n  old: { context: shop }\n`,
    );
    expect(await host(['--environment', 'live'])).toBe(url);
    expect(await host(['--environment', 'old'])).toBe(url);
    const { stdout } = await run(['--environment', 'live', 'ps']);
    expect(stdout).toContain('invctl --environment live up');

    const missing = await run(['--context', 'none', 'ps'], { env: config });
    expect([missing.code, missing.stderr]).toEqual([
      3,
      expect.stringContaining('the docker context "none" does not exist'),
    ]);
    await writeFile(join(folder, 'invctl.yaml'), 'environments:\n  live: { host: shop.example }\n');
    const wrong = await run(['--environment', 'live', 'ps']);
    expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining('environments.live.host')]);
  });

  it('has a database backed up to this machine and restored from it', async () => {
    folder = await project(DATABASE);
    const up = await there('up');
    expect([up.code, up.stderr]).toEqual([0, expect.stringMatching(/sending .*postgres:16/)]);
    const sql = (text: string) => there('db', 'psql', '--', '-Atc', text);
    expect((await sql('CREATE TABLE sold AS SELECT generate_series(1, 3) AS id')).code).toBe(0);
    const backup = await json('db', 'backup');
    expect(backup.data.file).toContain(join('backups', 'hosts', `root@${machine.address}`));
    expect((await sql('DELETE FROM sold')).code).toBe(0);
    expect((await there('--yes', 'db', 'restore', backup.data.file)).code).toBe(0);
    expect((await sql('SELECT count(*) FROM sold')).stdout).toBe('3\n');
    expect((await json('db', 'verify', backup.data.file)).ok).toBe(true);
    // A protection is a folder of the machine of the database: no command of here says that there is none.
    for (const words of [
      ['protect', 'status'],
      ['protect', 'on'],
      ['protect', 'off'],
      ['backup', '--base'],
      ['history', 'sold'],
      ['verify', '--to', 'latest'],
      ['restore', '--yes', '--to', 'latest'],
      ['restore', '--yes', '--to', '1m-ago', '--table', 'sold'],
    ]) {
      const { error } = await json('db', ...words);
      expect([words, error?.code, error?.hint]).toEqual([
        words,
        'PROTECTION_NOT_HERE',
        expect.stringContaining(`run invctl on ${machine.address} itself`),
      ]);
    }
    // The project here knows nothing of the one there.
    expect((await run(['--json', '--engine', 'docker', 'db', 'list'])).stdout).not.toContain('.dump');
    await down('--yes', '--volumes', '--no-backup', '--confirm', name);
  });

  describe('that goes away in the middle of a restore', () => {
    let file: string;

    const sql = async (text: string) => {
      const { code, stdout, stderr } = await there('db', 'psql', '--', '-XAtc', text);
      expect([code, stderr]).toEqual([0, '']);
      return stdout.trim();
    };
    const locks = () => machine.run('ls /tmp');
    /** The command of a stopped process goes on. */
    async function stopped(step: string): Promise<{ goOn(): void; ended: Promise<CliResult> }> {
      let pid = 0;
      const ended = run(['--host', `ssh://root@${machine.address}`, '--yes', 'db', 'restore', file], {
        env: stoppedAt(step),
        onSpawn: (child) => {
          pid = child.pid as number;
        },
      });
      await until(async () => pid > 0 && readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') T '));
      return { goOn: () => process.kill(pid, 'SIGCONT'), ended };
    }

    /** What it says, and what the next commands make of it. */
    async function recovers({ code, stderr }: CliResult): Promise<void> {
      expect([code, stderr]).toEqual([
        3,
        expect.stringContaining(`the connection to ${machine.address} was lost`),
      ]);
      expect(sockets()).toEqual([]);
      await until(async () => (await locks()) === '');
      expect((await json('db', 'backup')).error.code).toBe('UNFINISHED_OPERATION');
      const { data } = await json('recover');
      expect(data.recovered).toMatchObject([{ outcome: 'reverted' }]);
      expect(await sql('SELECT count(*) FROM sold')).toBe('0');
      const names = await sql("SELECT datname FROM pg_database WHERE datname LIKE '%\\_restore\\_%'");
      expect([names, await locks()]).toEqual(['', '']);
      expect((await json('recover')).data.recovered).toEqual([]);
    }

    beforeEach(async () => {
      folder = await project(DATABASE);
      expect((await there('up')).code).toBe(0);
      await sql('CREATE TABLE sold AS SELECT generate_series(1, 3) AS id');
      file = (await json('db', 'backup')).data.file;
      await sql('DELETE FROM sold');
    });
    afterEach(async ({ task }) => {
      if (task.result?.state !== 'fail') await down('--yes', '--volumes', '--no-backup', '--confirm', name);
    });

    it('gives its lock up by the command that others are told, and has it recovered', async () => {
      const mine = folder;
      for (const step of faultSteps(['load'], ['swap'])) {
        const restoring = await stopped(step);
        folder = await project(DATABASE);
        const { error } = await json('restart');
        expect([error.code, error.message]).toEqual([
          'PROJECT_LOCKED',
          expect.stringContaining('`invctl db restore` of '),
        ]);
        await machine.run(/: ssh \S+ (kill \d+)$/.exec(error.hint)?.[1] as string);
        await until(async () => (await locks()) === '');
        folder = mine;
        restoring.goOn();
        await recovers(await restoring.ended);
      }
    });

    // ssh gives up after 40 s, the host after two minutes.
    it.runIf(atFullSize)('holds no lock for one that it hears no more of', async () => {
      const silent = await stopped('load');
      await sleep(100_000);
      expect(await locks()).not.toBe('');
      await until(async () => (await locks()) === '', 60);
      silent.goOn();
      await recovers(await silent.ended);
    });

    it.runIf(atFullSize)('ends by itself where the network drops what is sent', async () => {
      const drops = (act: '-I' | '-D') =>
        execFileSync('ip', [
          'netns',
          'exec',
          machine.name,
          'iptables',
          act,
          'INPUT',
          '-i',
          'eth0',
          '-j',
          'DROP',
        ]);
      const restoring = await stopped('load');
      drops('-I');
      const since = Date.now();
      restoring.goOn();
      const result = await restoring.ended;
      expect(Date.now() - since).toBeLessThan(90_000);
      expect((await json('ps')).error.code).toBe('HOST_UNREACHABLE');
      drops('-D');
      await until(async () => (await locks()) === '', 150);
      await recovers(result);
    });
  });

  it('has an image sent that this machine built, with --no-build', async () => {
    const build = 'build: { dockerfile_inline: "FROM debian:trixie-slim\\nRUN echo built > /made" }';
    folder = await project(COMPOSE.replace('image: debian:trixie-slim', build));
    try {
      expect((await run(['--engine', 'docker', 'build'])).code).toBe(0);
      const up = await there('up', '--no-build');
      expect([up.code, up.stderr]).toEqual([0, expect.stringMatching(new RegExp(`sending .*${name}-web`))]);
      expect(up.stderr).not.toContain('source has changed');
      expect((await there('exec', 'web', '--', 'cat', '/made')).stdout).toBe('built\n');
      await down();
    } finally {
      await docker('image', 'rm', '--force', `${name}-web`);
    }
  });

  it.skipIf(process.env.FAULT_STEPS !== 'all')(
    'brings up a whole scaffold, whose image this machine built',
    async () => {
      folder = await mkdtemp(join(home, 'project-'));
      expect((await run(['init', '--name', name, '--no-input'])).code).toBe(0);
      try {
        expect((await run(['--engine', 'docker', 'build'])).code).toBe(0);
        const up = await there('up', '--no-build');
        expect([up.code, up.stderr]).toEqual([0, expect.stringMatching(new RegExp(`sending .*${name}-api`))]);
        expect((await there('doctor')).code).toBe(0);
        expect((await there('db', 'seed')).code).toBe(0);
        expect((await there('db', 'backup')).code).toBe(0);
        await down('--yes', '--volumes', '--no-backup', '--confirm', name);
        expect(await machine.run('ls -A /root; docker ps -aq; docker volume ls -q')).toBe('');
      } finally {
        await docker('image', 'rm', '--force', `${name}-api`);
      }
    },
    900_000,
  );
});

async function execDocker(args: readonly string[], env: Record<string, string>): Promise<void> {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  await promisify(execFile)('docker', args, { env: { ...process.env, ...env } });
}

/** Listens, and says nothing that ssh understands. */
async function silentServer(): Promise<{ port: number; close: () => void }> {
  const server = createServer((socket) => socket.end('220 mail\r\n')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, close: () => server.close() };
}

async function until(holds: () => Promise<boolean>, seconds = 40): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await sleep(200);
  }
}
