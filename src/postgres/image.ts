/**
 * Facts about the PostgreSQL in an image, read from the image's name only. An engine that has the image knows
 * more; see {@link majorOfImageEnvironment}.
 */

/**
 * Which variables and paths an image uses. `official`: those of docker-library/postgres, which most images
 * are built on. `bitnami`: `POSTGRESQL_*` and /bitnami/postgresql. `other`: a PostgreSQL with variables and
 * paths of its own.
 */
export type PostgresInterface = 'official' | 'bitnami' | 'other';

export interface PostgresImage {
  interface: PostgresInterface;
  /** Major version of PostgreSQL, if the name contains it. */
  major?: number;
}

interface Family {
  /** Matches the repository without its registry's host, in lower case. */
  repository: RegExp;
  interface: PostgresInterface;
  /** Its tags have the major as their first number, or after `pg`. Absent: only after `pg`. */
  tagBeginsWithMajor?: true;
  /** The same tag with the next major is an image of the same kind. */
  nextByTag?: true;
}

// Names and tags as listed on their publishers' pages on Docker Hub, ghcr.io and quay.io. The first match
// counts.
const FAMILIES: readonly Family[] = [
  { repository: /(^|\/)bitnami\w*\/postgresql(-repmgr)?$/, interface: 'bitnami', tagBeginsWithMajor: true },
  // CloudNativePG, Crunchy, Percona, Red Hat, Zalando and Kartoza use their own variables.
  { repository: /(^|\/)kartoza\/postgis$/, interface: 'other', tagBeginsWithMajor: true },
  {
    repository: /(^|\/)cloudnative-pg\/(postgresql|postgis)[\w-]*$/,
    interface: 'other',
    tagBeginsWithMajor: true,
  },
  { repository: /(^|\/)crunchydata\/crunchy-postgres[\w-]*$/, interface: 'other' },
  {
    repository: /(^|\/)percona-distribution-postgresql$/,
    interface: 'other',
    tagBeginsWithMajor: true,
  },
  { repository: /(^|\/)(postgresql-\d+(-\w+)?|spilo-\d+)$/, interface: 'other' },
  { repository: /(^|\/)timescaledb-ha$/, interface: 'other' },
  { repository: /(^|\/)timescaledb$/, interface: 'official', nextByTag: true },
  // `pgvector` alone also matches ankane/pgvector, whose tags are the extension's version.
  { repository: /(^|\/)(pgvector|pgvecto-rs|vchord-postgres)$/, interface: 'official', nextByTag: true },
  { repository: /(^|\/)(citus|paradedb|pgroonga|apache\/age)$/, interface: 'official' },
  { repository: /(^|\/)(supabase|immich-app)\/postgres$/, interface: 'official', tagBeginsWithMajor: true },
  { repository: /(^|\/)postgresql$/, interface: 'other', tagBeginsWithMajor: true },
  {
    repository: /(^|\/)(postgres|postgis)$/,
    interface: 'official',
    tagBeginsWithMajor: true,
    nextByTag: true,
  },
];

/**
 * Plausible majors. Before 10, majors had two numbers (9.6); a larger number in a tag is a year or a build.
 */
const PLAUSIBLE = { from: 9, to: 40 };

/** Matches `0.8.2-pg17`, `pg17.2-ts2.17.2`, `release_PG17_1.6.0`, `15-postgres16`. Not `pgvectors0.2.0`. */
const BEHIND_PG = /(?:^|[-_.])(?:pg|postgres(?:ql)?)[-_]?v?(\d{1,2})(?![\dA-Za-z])/i;
/** Matches `16`, `17.2-alpine3.20`, `v16.2`, `18beta1`. */
const FIRST_NUMBER = /^v?(\d{1,2})(?!\d)/;
/** Matches `3.2.4-alpine-17-slim` of PGroonga; `ubi8-16.2-0` of Crunchy. */
const BEHIND_SYSTEM = /(?:^|-)(?:alpine|debian|ubi\d+|centos\d+|rhel\d+)-(\d{1,2})(?!\d)/;
/** Matches a major in the repository's name: `postgresql-16-c9s` of Red Hat, `spilo-16` of Zalando. */
const IN_NAME = /(?:postgresql|spilo)-(\d{1,2})(?!\d)/;

/**
 * Returns the PostgreSQL in an image, by the image's name; undefined if it is not a known PostgreSQL image.
 */
export function postgresImage(image: string | undefined): PostgresImage | undefined {
  const { repository, tag } = imageParts(image ?? '');
  const family = familyOf(repository);
  if (!family) return undefined;
  const match = majorMatch(family, tag) ?? IN_NAME.exec(repository);
  return { interface: family.interface, ...(match ? { major: Number(match[1]) } : {}) };
}

/**
 * Reads `PG_MAJOR` of the official image and those that are built on it, or `POSTGRESQL_VERSION` of Red
 * Hat's.
 */
export function majorOfImageEnvironment(variables: readonly string[] | null | undefined): number | undefined {
  for (const variable of variables ?? []) {
    const match = /^(?:PG_MAJOR|POSTGRESQL_VERSION)=(\d{1,2})(?!\d)/.exec(variable);
    if (match) return Number(match[1]);
  }
  return undefined;
}

/**
 * Replaces the major: `postgres:16.4-bookworm` → `postgres:17-bookworm`, `pgvector/pgvector:0.8.2-pg16` →
 * `pgvector/pgvector:0.8.2-pg17`; undefined if the tag does not contain just the major `from`, or the name
 * has a digest.
 */
export function imageOfMajor(image: string, from: number, to: number): string | undefined {
  const { repository, tag, digest } = imageParts(image);
  const family = familyOf(repository);
  const match = family?.nextByTag && digest === undefined ? majorMatch(family, tag) : undefined;
  if (!match || Number(match[1]) !== from) return undefined;
  const end = match.index + match[0].length;
  const rest = tag.slice(end).replace(/^(?:\.\w+)*/, '');
  if (rest !== '' && !/^[-_]/.test(rest)) return undefined;
  const head = tag.slice(0, end - String(from).length);
  return `${image.slice(0, image.length - tag.length)}${head}${to}${rest}`;
}

function majorMatch(family: Family, tag: string): RegExpExecArray | undefined {
  const patterns = family.tagBeginsWithMajor
    ? [FIRST_NUMBER, BEHIND_PG, BEHIND_SYSTEM]
    : [BEHIND_PG, BEHIND_SYSTEM];
  for (const pattern of patterns) {
    const match = pattern.exec(tag);
    const major = Number(match?.[1]);
    if (match && major >= PLAUSIBLE.from && major <= PLAUSIBLE.to) return match;
  }
  return undefined;
}

function familyOf(repository: string): Family | undefined {
  return FAMILIES.find((family) => family.repository.test(repository.toLowerCase()));
}

/** Splits `HOST:PORT/REPOSITORY:TAG@DIGEST`. The port of a registry is not a tag. */
function imageParts(image: string): { repository: string; tag: string; digest?: string } {
  const [name = '', digest] = image.split('@');
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  return {
    repository: hasTag ? name.slice(0, colon) : name,
    tag: hasTag ? name.slice(colon + 1) : '',
    ...(digest === undefined ? {} : { digest }),
  };
}
