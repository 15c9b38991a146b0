/**
 * Limits above which something in the database takes too long; defaults of `doctor.limits` in `invctl.yaml`.
 */
export const HEALTH_LIMITS = {
  /** Minutes for which a transaction, prepared or not, may be open. */
  transactionMinutes: 60,
  /** Seconds for which a session may wait for a lock. */
  waitSeconds: 60,
};
