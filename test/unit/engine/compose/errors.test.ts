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

  it('names the port that is taken', () => {
    const error = said(
      'Error response from daemon: driver failed programming external connectivity on endpoint x (abc): Bind for 127.0.0.1:5003 failed: port is already allocated',
    );
    expect(error).toMatchObject({ code: 'PORT_IN_USE', exitCode: 1, details: { port: 5003 } });
  });

  it('tells a missing docker program from a missing engine', () => {
    const missing = new UserError({ code: 'PROGRAM_NOT_FOUND', message: 'x' });
    expect((explainDockerError(missing) as UserError).code).toBe('ENGINE_MISSING');
  });

  it('leaves alone what it does not know', () => {
    const error = new Error('something else');
    expect(explainDockerError(error)).toBe(error);
    expect(said('Error response from daemon: no such container').code).toBe('COMMAND_FAILED');
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
