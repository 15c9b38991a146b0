import type { Facts } from './facts.js';

/** The weight of a finding. `fail` is the threshold of exit code 5; with `--strict`, `warn` is. */
export type Severity = 'fail' | 'warn' | 'info';

/**
 * `unknown`: the answer is outside of the project and is not guessed. `crashed`: the probe threw or took too
 * long.
 */
export type Outcome = 'pass' | Severity | 'skip' | 'unknown' | 'crashed';

/**
 * What a probe needs; without it the check is skipped with the reason. `config`: a project that can be read;
 * `engine`: any engine that answers; `docker`: a Docker engine; `database`: a running database container.
 */
export type Need = 'files' | 'config' | 'engine' | 'docker' | 'host' | 'database';

export const CHAPTERS = {
  'before-all': 'Before all',
  connection: '1. Database connection refused',
  secrets: '2. Secret not found',
  environment: '3. Environment variables not loaded',
  ports: '4. Port already in use',
  volumes: '5. Volume permission issues',
  runtime: 'Runtime',
  health: 'Database health',
  host: 'Host',
  security: 'Security',
  production: 'Production checklist',
} as const;
export type CheckChapter = keyof typeof CHAPTERS;

/** One problem, as text without a secret. */
export interface Finding {
  message: string;
  /** Why it matters; absent: the check's own reason. */
  why?: string;
  /**
   * What to type or to edit. Absent: there is nothing to do, and the finding is not the cause of another one.
   */
  next?: string;
  /** Absolute path. */
  file?: string;
  /** 1-based. */
  line?: number;
  service?: string;
  /** The facts of the finding for programs, such as the port and the process that holds it. */
  details?: Record<string, string | number>;
  /**
   * The steps that mend it; without it, or without a step, only a person can. Findings that one step mends together
   * give that step each.
   */
  mend?: () => Promise<readonly FixStep[]>;
  /** `next` where `mend` has no step, if that is another. */
  nextByHand?: string;
  /** Set when the finding weighs less (or more) than the check's severity. */
  severity?: Severity;
}

export type Verdict = readonly Finding[] | { skip: string } | { unknown: string };

/** One change that a fix makes. */
export interface FixStep {
  /** What it does, as an imperative: `make secrets/db_password.txt`. */
  summary: string;
  /** Unified diff of the file that it edits, credentials redacted. */
  diff?: string;
  /** The step needs a yes, although the check's other steps are safe. */
  ask?: true;
  apply(): Promise<void>;
}

/**
 * A fix never removes or overwrites data, a volume, or a secret whose volume is initialised. `safe` needs no question;
 * `ask` needs a yes.
 */
export interface Fix {
  safety: 'safe' | 'ask';
}

/**
 * A rule of the troubleshooting guide. Its id connects it with the guide's page, the fix and the fault test.
 */
export interface Check {
  /** Stable: scripts and `doctor.ignore` name it. */
  id: string;
  chapter: CheckChapter;
  /** What it finds, in a few words. */
  title: string;
  severity: Severity;
  needs: readonly Need[];
  /** Checks whose findings explain this one's: while one of them fails, this one is muted. */
  requires: readonly string[];
  /** Why it matters, for a person who reads the finding. */
  why: string;
  /** For the guide: how the problem arises, how to check it by hand, how to fix it. Markdown. */
  docs: string;
  /** Stops `invctl up`, with this error code. */
  blocksUp?: string;
  /** Reads only. */
  probe(facts: Facts): Promise<Verdict> | Verdict;
  /** How its findings are mended, where they are. */
  fix?: Fix;
}

/** Declares a check; the defaults fit most checks. */
export function defineCheck(
  check: Omit<Check, 'needs' | 'requires'> & Partial<Pick<Check, 'needs' | 'requires'>>,
): Check {
  return { needs: ['config'], requires: [], ...check };
}
