import { describe, expect, it } from 'vitest';
import { explainDockerError } from '../../../../src/engine/compose/errors.js';
import { CommandError, UserError } from '../../../../src/errors.js';

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
