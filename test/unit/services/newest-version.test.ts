import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import type { ServiceContext } from '../../../src/services/context.js';
import { isOlder, newestVersion } from '../../../src/services/newest-version.js';

function npmThat(run: () => Promise<{ status: number; stdout: string; stderr: string }>): ServiceContext {
  return {
    directory: '/',
    signal: new AbortController().signal,
    processes: { run },
  } as unknown as ServiceContext;
}

describe('the newest version', () => {
  it.each([
    ['0.1.0', '0.1.0', false],
    ['0.1.0', '0.1.1', true],
    ['0.9.0', '0.10.0', true],
    ['1.0.0', '0.10.0', false],
    ['1.0.0-rc.1', '1.0.0', true],
    ['1.0.0', '1.0.0-rc.1', false],
    ['1.0.0+build.5', '1.0.0', false],
  ])('%s against %s', (own, other, older) => {
    expect(isOlder(own, other)).toBe(older);
  });

  it('is what npm prints', async () => {
    const context = npmThat(async () => ({ status: 0, stdout: '1.2.3\n', stderr: '' }));
    expect(await newestVersion(context)).toBe('1.2.3');
  });

  it.each([
    [1, '', 'npm error code E404\nnpm error 404 Not Found\n', '404 Not Found'],
    [0, '', '', 'it prints no version'],
    [0, '<html>a proxy</html>', '', 'it prints no version'],
  ])('is not known where npm ends with %i and prints %j', async (status, stdout, stderr, why) => {
    const error = await newestVersion(npmThat(async () => ({ status, stdout, stderr }))).catch((one) => one);
    expect(error).toMatchObject({ code: 'VERSION_UNKNOWN', hint: 'npm view invctl version' });
    expect(error.message).toContain(why);
  });

  it('is not known without npm, and a bug stays a bug', async () => {
    const absent = new UserError({ code: 'PROGRAM_ABSENT', message: 'npm is not installed' });
    await expect(newestVersion(npmThat(() => Promise.reject(absent)))).rejects.toMatchObject({
      code: 'VERSION_UNKNOWN',
      message: expect.stringContaining('npm is not installed'),
    });
    await expect(newestVersion(npmThat(() => Promise.reject(new TypeError('a bug'))))).rejects.toThrow(
      TypeError,
    );
  });
});
