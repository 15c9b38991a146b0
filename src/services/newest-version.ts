import { UserError } from '../errors.js';
import type { ServiceContext } from './context.js';

const TIMEOUT_MS = 15_000;

/**
 * The newest released version of invctl, from the registry that npm is configured with.
 *
 * @throws UserError VERSION_UNKNOWN when npm is absent or no registry answers
 */
export async function newestVersion({ processes, signal, directory }: ServiceContext): Promise<string> {
  const args = ['view', 'invctl', 'version'];
  const unknown = (why: string, cause?: unknown) =>
    new UserError({
      code: 'VERSION_UNKNOWN',
      message: `npm does not say which version is the newest: ${why}`,
      hint: ['npm', ...args].join(' '),
      cause,
    });
  let result: Awaited<ReturnType<typeof processes.run>>;
  try {
    result = await processes.run('npm', args, {
      cwd: directory,
      signal,
      timeoutMs: TIMEOUT_MS,
      allowFailure: true,
    });
  } catch (error) {
    if (!(error instanceof UserError) || signal.aborted) throw error;
    throw unknown(error.message, error);
  }
  const version = result.stdout.trim();
  if (result.status === 0 && /^\d+\.\d+\.\d+/.test(version)) return version;
  const reason = /npm (?:ERR!|error) (?!code\b)(.+)/.exec(result.stderr)?.[1];
  throw unknown(reason ?? 'it prints no version');
}

/** Whether a version is older than another one (semver.org, rule 11, ignoring the order of pre-releases). */
export function isOlder(version: string, other: string): boolean {
  const [own, theirs] = [version, other].map((text) => {
    const [numbers = '', preRelease] = text.split('+')[0]?.split(/-(.*)/s) ?? [];
    return [...numbers.split('.').map(Number), preRelease === undefined ? 1 : 0];
  }) as [number[], number[]];
  for (const [index, number] of theirs.entries()) {
    const mine = own[index] ?? 0;
    if (mine !== number) return mine < number;
  }
  return false;
}
