/** From when on something in the database takes too long, where `doctor.limits` of `invctl.yaml` says nothing. */
export const HEALTH_LIMITS = {
  /** Minutes that a transaction, prepared or not, may be open. */
  transactionMinutes: 60,
  /** Seconds that a session may wait for a lock. */
  waitSeconds: 60,
};
