import { describe, expect, it } from 'vitest';
import { createDocker } from '../../../../src/engine/compose/docker.js';
import { explainDockerError, saysNotFound, saysNotRunning } from '../../../../src/engine/compose/errors.js';
import { CommandError, UserError } from '../../../../src/errors.js';
import type { ProcessRunner } from '../../../../src/system/process.js';

const said = (stderrTail: string) =>
  explainDockerError(
    new CommandError({ argv: ['docker', 'ps'], status: 1, signal: null, stderrTail }),
  ) as UserError;

describe('what the docker client says', () => {
  it.each([
    [
      'Cannot connect to the Docker daemon at unix:///nonexistent. Is the docker daemon running?',
      'ENGINE_UNREACHABLE',
    ],
    [
      'failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct',
      'ENGINE_UNREACHABLE',
    ],
    ['error during connect: Get "http://x": dial tcp: lookup x: no such host', 'ENGINE_UNREACHABLE'],
    [
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
      'ENGINE_DENIED',
    ],
    ["docker: 'compose' is not a docker command.\nSee 'docker --help'", 'COMPOSE_MISSING'],
  ])('%s', (text, code) => {
    const error = said(text);
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(3);
    expect(error.hint).toBeTruthy();
  });

  it('that the network is that of a stack', () => {
    const error = said(
      'network shop_backend was found but has incorrect label com.docker.compose.network set to ""',
    );
    expect([error.code, error.message]).toEqual([
      'NETWORK_OF_ANOTHER',
      expect.stringContaining('shop_backend'),
    ]);
    expect(error.hint).toContain('docker stack rm');
  });

  const BY_SSH =
    'error during connect: Get "http://docker.example.com/v1.50/version": command [ssh -o ConnectTimeout=30 -T -l me -- far docker system dial-stdio] has exited with exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=';
  it.each([
    [
      'Failed to initialize: unable to resolve docker endpoint: context "nowhere": context not found: open /root/.docker/contexts/meta/20ae/meta.json: no such file or directory',
      'the docker context "nowhere" does not exist',
      /^docker context ls /,
    ],
    [
      'Current context "gone" is not found on the file system, please check your config file at /root/.docker/config.json',
      'the docker context "gone" does not exist',
      /^docker context ls /,
    ],
    ['context "a b" does not exist', 'the docker context "a b" does not exist', /^docker context ls /],
    [
      `${BY_SSH}ssh: connect to host far port 22: Connection refused\n`,
      'the Docker engine of another machine does not answer over SSH: ssh: connect to host far port 22: Connection refused',
      /^ssh -o ConnectTimeout=30 -T -l me -- far docker version /,
    ],
    [
      `${BY_SSH.replace('docker system', 'docker --host unix:///x system')}Host key verification failed.`,
      'the Docker engine of another machine does not answer over SSH: Host key verification failed.',
      /^ssh -o ConnectTimeout=30 -T -l me -- far docker version /,
    ],
    [
      'Failed to initialize: ssh host connection is not valid: no host specified',
      'the docker client cannot read the address of its engine: no host specified',
      /DOCKER_HOST/,
    ],
    [
      'Failed to initialize: unable to resolve docker endpoint: invalid bind address format: foo://x',
      'the docker client cannot read the address of its engine: foo://x',
      /DOCKER_HOST/,
    ],
    [
      'Cannot connect to the Docker daemon at tcp://127.0.0.1:9. Is the docker daemon running?',
      'the Docker engine at 127.0.0.1:9 does not answer: Cannot connect to the Docker daemon at tcp://127.0.0.1:9. Is the docker daemon running?',
      /names 127\.0\.0\.1:9;/,
    ],
    [
      'error during connect: Get "http://bogus:2375/v1.50/containers/json?all=1": dial tcp: lookup bogus on 10.0.0.53:53: no such host',
      'the Docker engine at bogus does not answer: dial tcp: lookup bogus on 10.0.0.53:53: no such host',
      /names bogus;/,
    ],
    [
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      'the Docker engine does not answer: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      /^sudo systemctl start docker /,
    ],
  ])('names where the client was told to look: %s', (text, message, hint) => {
    expect(said(text)).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      exitCode: 3,
      message,
      hint: expect.stringMatching(hint),
    });
  });

  it('names the port that is taken', () => {
    const error = said(
      'Error response from daemon: driver failed programming external connectivity on endpoint x (abc): Bind for 127.0.0.1:5003 failed: port is already allocated',
    );
    expect(error).toMatchObject({ code: 'PORT_IN_USE', exitCode: 1, details: { port: 5003 } });
  });

  it.each([
    ['/srv/nowhere/containers', /^docker info --format .*DOCKER_ROOT_DIR in \.env/],
    ['/srv/my site', /^invctl config /],
  ])('names a folder that is mounted and not there, and what says the right one: %s', (source, hint) => {
    const error = said(
      `Error response from daemon: invalid mount config for type "bind": bind source path does not exist: ${source}\n`,
    );
    expect(error).toMatchObject({ code: 'MOUNT_MISSING', exitCode: 1, details: { source } });
    expect([error.message, error.hint]).toEqual([
      expect.stringContaining(source),
      expect.stringMatching(hint),
    ]);
  });

  it('tells a missing docker program from a missing engine', () => {
    const missing = new UserError({ code: 'PROGRAM_NOT_FOUND', message: 'x' });
    expect((explainDockerError(missing) as UserError).code).toBe('ENGINE_MISSING');
  });

  it('leaves alone what it does not know', () => {
    const error = new Error('something else');
    expect(explainDockerError(error)).toBe(error);
    for (const text of [
      'Error response from daemon: no such container',
      // A registry that the engine does not reach is no engine that we do not reach.
      'Error response from daemon: Get "https://registry.example/v2/": dial tcp: lookup registry.example on 10.0.0.53:53: no such host',
    ]) {
      expect(said(text).code).toBe('COMMAND_FAILED');
    }
  });
});

/** By clients and engines of 20 to 29, a swarm's manager among them. */
const ABSENT = [
  'Error: No such object: shop-db-1',
  'error: no such object: shop-db-1',
  'Error: No such volume: shop_pgdata_17',
  'Error response from daemon: get shop_pgdata_17: no such volume',
  'Error response from daemon: volume shop_pgdata_17 not found',
  'Error response from daemon: network shop_default not found',
  'Error: No such network: shop_default',
  'Error response from daemon: No such image: postgres:17',
  'Error: No such image: postgres:17',
  'Error response from daemon: No such container: 0a1b2c',
  'Error: No such container: 0a1b2c',
  'Error response from daemon: service shop_db not found',
  'Error response from daemon: task tgpkgumyhfsamwxm12o7ulrx6 not found',
  'Error response from daemon: secret db_password was not found',
];

describe('an object that is not there', () => {
  it.each(ABSENT)('%s', (line) => expect(saysNotFound(`${line}\n`)).toBe(true));

  it.each([
    'Error response from daemon: manifest for postgres:99 not found: manifest unknown',
    'sh: 1: psql: not found',
    'OCI runtime exec failed: exec failed: exec: "psql": executable file not found in $PATH',
    'psql: error: No such container: is the name of a table',
    'Error response from daemon: pull access denied for shop, repository does not exist or may require docker login',
    'failed to connect to the docker API at unix:///x/docker.sock: no such file or directory',
  ])('is not: %s', (line) => expect(saysNotFound(line)).toBe(false));

  it.each(ABSENT)('is left out of what is inspected: %s', async (stderr) => {
    const runner = {
      run: async (program: string, args: readonly string[]) => ({
        argv: [program, ...args],
        status: 1,
        signal: null,
        stdout: '[{"Name":"other"}]\n',
        stderr,
      }),
    } as unknown as ProcessRunner;
    const docker = createDocker(runner, {});
    expect(await docker.inspect(['volume', 'inspect', 'shop_pgdata_17', 'other'])).toEqual([
      { Name: 'other' },
    ]);
  });
});

describe('a container that does not run', () => {
  it.each([
    'Error response from daemon: No such container: 0a1b2c',
    'Error: No such container: 0a1b2c',
    'Error response from daemon: container 0a1b2c is not running',
    'Error response from daemon: Container 0a1b2c is restarting, wait until the container is running',
    'Error response from daemon: Container 0a1b2c is paused, unpause the container before exec',
    'error response from daemon: container 0a1b2c not found',
  ])('%s', (line) => expect(saysNotRunning(`${line}\n`)).toBe(true));

  it.each([
    'pg_dump: error: server closed the connection unexpectedly\nError: No such container: 0a1b2c',
    'ERROR:  container 12 is not running',
    'Error response from daemon: No such image: postgres:17',
    '',
  ])('is not: %s', (text) => expect(saysNotRunning(text)).toBe(false));
});
