import {
  type Catalogue,
  planRecovery,
  type RecoveryPlan,
  type Window,
  windowsOf,
} from '../../backup/protection/catalogue.js';
import { UserError } from '../../errors.js';
import type { RecoveryTarget } from '../../postgres/recovery-settings.js';
import type { Lsn } from '../../postgres/wal.js';
import { sayMoment, type Target } from './moment.js';

/** The target of a recovery, and the base and WAL that it uses. */
export interface Choice {
  plan: RecoveryPlan;
  target: RecoveryTarget;
  /** Position of the commit before which it stops; absent: it stops at a moment, or at the end. */
  commit?: Lsn;
}

/**
 * @throws UserError TARGET_OUTSIDE naming the time that can be restored, NOTHING_TO_BRING_BACK when there is
 * none.
 */
export function choose(catalogue: Catalogue, target: Exclude<Target, { kind: 'before' }>): Choice {
  const windows = windowsOf(catalogue);
  if (windows.length === 0) {
    throw new UserError({
      code: 'NOTHING_TO_BRING_BACK',
      message: 'no base backup is whole yet, so that no moment can be brought back',
      hint: 'invctl db protect status      (or a backup: invctl db list)',
    });
  }
  if (target.kind === 'moment') {
    const plan = planRecovery(catalogue, target.at);
    if (plan) return { plan, target };
    throw outside(target.at, windows);
  }
  const plan = planRecovery(catalogue);
  if (!plan) throw new Error('a window without a base that leads to it');
  return { plan, target: { kind: 'end' } };
}

/** `from 22 Nov 2026 10:00:00 CET until …`; several are joined with `and`. */
function sayWindows(windows: readonly Window[]): string {
  return windows.map(({ from, until }) => `from ${sayMoment(from)} until ${sayMoment(until)}`).join(', and ');
}

function outside(at: Date, windows: readonly Window[]): UserError {
  const [first, last] = [windows[0] as Window, windows.at(-1) as Window];
  const where =
    at < first.from
      ? 'before the first moment that can be brought back'
      : at > last.until
        ? 'after the last moment that can be brought back'
        : 'in a gap: the WAL of it was not received';
  return new UserError({
    code: 'TARGET_OUTSIDE',
    message: `${sayMoment(at)} is ${where}. What can be: ${sayWindows(windows)}`,
    hint: at > last.until ? '--to latest' : 'invctl db protect status      (or a backup: invctl db list)',
    details: { target: at, windows },
  });
}
