import { defineCheck } from '../../check.js';

/** Difference in seconds that tokens and certificates still tolerate. */
const TOLERATED_SECONDS = 30;

export const check = defineCheck({
  id: 'clock.skew',
  chapter: 'host',
  title: "the engine's clock is wrong",
  severity: 'warn',
  needs: ['docker'],
  why: 'Tokens expire at once or are not valid yet, TLS fails, and logs of two machines do not fit together.',
  docs: `The virtual machine that the engine runs in lost its clock, most often after the host slept. \`docker info --format '{{.SystemTime}}'\` and \`date -u\` show both. Restart Docker Desktop or the virtual machine, or set the time: \`sudo chronyc makestep\`.`,
  async probe({ docker }) {
    const before = Date.now();
    const { SystemTime } = await docker.info();
    if (!SystemTime) return { skip: 'the engine does not tell its time' };
    const engine = Date.parse(SystemTime);
    // The engine answered at some time between the question and now.
    const seconds = Math.max(before - PROBE_MARGIN_MS - engine, engine - Date.now(), 0) / 1000;
    if (seconds <= TOLERATED_SECONDS) return [];
    return [
      {
        message: `the engine's clock and this machine's differ by ${Math.round(seconds)} s`,
        next: 'restart the engine (or its virtual machine), or: sudo chronyc makestep',
      },
    ];
  },
});

/** `docker info` is asked once for all checks, possibly before this one began. */
const PROBE_MARGIN_MS = 10_000;
