import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than anything that is waited for, shorter than a test may take: a test that ran on would change what follows. */
const LONGEST_MS = 240_000;

// biome-ignore lint/suspicious/noExplicitAny: the committed schema holds it.
export type ProtectionStatus = any;

/**
 * Asks for the protection's status until it is as wanted.
 * @returns that status.
 * @throws Error with the last status, where it never is.
 */
export async function untilProtection(
  ask: () => Promise<ProtectionStatus>,
  wanted: (status: ProtectionStatus) => boolean,
): Promise<ProtectionStatus> {
  const deadline = Date.now() + LONGEST_MS;
  for (;;) {
    const status = await ask();
    if (wanted(status)) return status;
    if (Date.now() > deadline) {
      throw new Error(`The protection is still not as ${wanted}:\n${JSON.stringify(status, null, 2)}`);
    }
    await sleep(500);
  }
}

/**
 * Waits until all that was committed before this call can be brought back.
 * @returns the status of then.
 */
export async function untilSafe(ask: () => Promise<ProtectionStatus>): Promise<ProtectionStatus> {
  const since = Date.now();
  return untilProtection(ask, ({ windows }) => Date.parse(windows.at(-1)?.until ?? '') > since + 1000);
}
