import type { Session } from '../engine/database-access.js';
import { type DatabaseFacts, NOT_WHOLE_KINDS, type NotWholeKind } from './database-facts.js';
import { notOfExtension, USER_NAMESPACE } from './dumped.js';
import { onlyRow } from './session.js';

type Objects = DatabaseFacts['objects'];

/** Largest number of names in one sentence; the others are only counted. */
const NAMED = 5;

const TABLE = 'pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace';
const OWN_TABLE = `${USER_NAMESPACE} AND ${notOfExtension('pg_class', 'c.oid')}`;
/**
 * Indexes that pg_dump writes, in all majors from 14 on (getIndexes): valid ones, and those of partitioned
 * tables, which are invalid until every partition has one.
 */
const DUMPED_INDEX = `(indisvalid OR c.relkind = 'p') AND indisready`;

const OBJECTS = `
  SELECT (SELECT count(*) FROM pg_index JOIN ${TABLE} ON c.oid = indrelid WHERE ${DUMPED_INDEX} AND ${OWN_TABLE}) AS indexes,
         (SELECT count(*) FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace
           WHERE contype <> 'n' AND conparentid = 0 AND ${USER_NAMESPACE}
             AND ${notOfExtension('pg_class', 'conrelid')} AND ${notOfExtension('pg_type', 'contypid')}) AS constraints,
         (SELECT count(*) FROM pg_trigger JOIN ${TABLE} ON c.oid = tgrelid
           WHERE NOT tgisinternal AND tgparentid = 0 AND ${OWN_TABLE} AND ${notOfExtension('pg_trigger', 'pg_trigger.oid')}) AS triggers,
         (SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
           WHERE ${USER_NAMESPACE} AND ${notOfExtension('pg_proc', 'p.oid')}
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')) AS functions,
         (SELECT count(*) FROM ${TABLE} WHERE relkind IN ('v', 'm') AND ${OWN_TABLE}) AS views,
         (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM (
            SELECT format('%I.%I %I', nspname, coalesce(c.relname, t.typname), conname) AS name
              FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace
              LEFT JOIN pg_class c ON c.oid = conrelid LEFT JOIN pg_type t ON t.oid = contypid
             WHERE NOT convalidated AND conparentid = 0 AND ${USER_NAMESPACE}) q) AS "notValidated",
         (SELECT coalesce(json_agg(q ORDER BY kind, name), '[]') FROM (NOT_WHOLE) q) AS "notWhole"`;

const NOT_WHOLE = `
  SELECT CASE WHEN ${DUMPED_INDEX} THEN 'partitioned index' ELSE 'index' END AS kind, format('%I.%I', n.nspname, i.relname) AS name
    FROM pg_index JOIN ${TABLE} ON c.oid = indrelid JOIN pg_class i ON i.oid = indexrelid
   WHERE NOT (indisvalid AND indisready) AND ${OWN_TABLE}
  UNION ALL
  SELECT 'materialized view', format('%I.%I', nspname, relname) FROM ${TABLE}
   WHERE relkind = 'm' AND NOT relispopulated AND ${OWN_TABLE}
  UNION ALL
  SELECT DISTINCT 'foreign key', format('%I of %I.%I', conname, nspname, relname)
    FROM pg_trigger t JOIN pg_constraint k ON k.oid = tgconstraint AND contype = 'f' JOIN ${TABLE} ON c.oid = conrelid
   WHERE tgisinternal AND tgenabled = 'D' AND ${OWN_TABLE}
  UNION ALL
  SELECT 'trigger', format('%I of %I.%I', tgname, nspname, relname) FROM pg_trigger JOIN ${TABLE} ON c.oid = tgrelid
   WHERE NOT tgisinternal AND tgenabled = 'D' AND ${OWN_TABLE}
  UNION ALL
  SELECT 'event trigger', quote_ident(evtname) FROM pg_event_trigger
   WHERE evtenabled = 'D' AND ${notOfExtension('pg_event_trigger', 'pg_event_trigger.oid')}
  UNION ALL
  SELECT 'rule', format('%I of %I.%I', rulename, nspname, relname) FROM pg_rewrite JOIN ${TABLE} ON c.oid = ev_class
   WHERE ev_enabled = 'D' AND ${OWN_TABLE}`;

/** Counts the objects of each kind that a restore of a dump makes, and lists those that do not work fully. */
export function readObjects(session: Session): Promise<Objects> {
  return onlyRow<Objects>(session, OBJECTS.replace('NOT_WHOLE', NOT_WHOLE));
}

/**
 * Returns the differences between a restored database's objects and the backup's. A backup of an earlier
 * invctl also counted objects that are not in a dump, so its counts prove nothing.
 */
export function differencesOfObjects(expected: Objects, found: Objects): string[] {
  const { notWhole } = expected;
  if (notWhole === undefined) return [];
  const kinds = ['indexes', 'constraints', 'triggers', 'functions', 'views'] as const;
  return [
    ...kinds
      .filter((kind) => expected[kind] !== found[kind])
      .map((kind) => `${found[kind]} ${kind} in place of ${expected[kind]}`),
    ...found.notValidated
      .filter((name) => !expected.notValidated.includes(name))
      .map((name) => `the constraint ${name} is not valid`),
    ...(found.notWhole ?? [])
      .filter(({ kind, name }) => !notWhole.some((other) => other.kind === kind && other.name === name))
      .map(({ kind, name }) => `the ${kind} ${name} is ${STATE[kind]}`),
  ];
}

const STATE: Record<NotWholeKind, string> = {
  index: 'not valid',
  'partitioned index': 'not valid',
  'materialized view': 'without content',
  'foreign key': 'switched off',
  trigger: 'disabled',
  'event trigger': 'disabled',
  rule: 'disabled',
};

/**
 * Returns warnings for a backup: objects that a restore of it will not have, or will have in the same
 * incomplete state.
 */
export function warningsOfBackup({ notWhole = [], notValidated }: Objects): string[] {
  const named = (kind: NotWholeKind) => notWhole.filter((one) => one.kind === kind).map(({ name }) => name);
  return [
    ...sentence('index', named('index'), (what, are, name) => [
      `${what} ${are} invalid, and no dump carries such an index: a restore comes without.`,
      `Mend it: REINDEX INDEX CONCURRENTLY ${name}; or remove it: DROP INDEX ${name};`,
    ]),
    ...sentence('partitioned index', named('partitioned index'), (what, are, name) => [
      `${what} ${are} invalid, and will be after a restore: a partition has no such index.`,
      `Make one there, then: ALTER INDEX ${name} ATTACH PARTITION …;`,
    ]),
    ...sentence('foreign key', named('foreign key'), (what, are) => [
      `${what} ${are} switched off (DISABLE TRIGGER ALL), which no dump carries:`,
      'a restore switches it on, and fails where a row breaks it',
    ]),
    ...sentence('constraint', notValidated, (what, are) => [
      `${what} ${are} not validated, and will not be after a restore: ALTER TABLE … VALIDATE CONSTRAINT …;`,
    ]),
    ...sentence('materialized view', named('materialized view'), (what, are, name) => [
      `${what} ${are} without content, and will be after a restore: REFRESH MATERIALIZED VIEW ${name};`,
    ]),
    ...(['trigger', 'event trigger', 'rule'] as const).flatMap((kind) =>
      sentence(kind, named(kind), (what, are) => [`${what} ${are} disabled, and will be after a restore`]),
    ),
  ];
}

/** Returns warnings for a restore: objects that were incomplete in the backup, and their state now. */
export function warningsOfRestore(expected: Objects, found: Objects): string[] {
  const kept = found.notWhole ?? [];
  const gone = (expected.notWhole ?? []).filter(
    ({ kind, name }) => !kept.some((other) => other.kind === kind && other.name === name),
  );
  const now = (kind: NotWholeKind) => (kind === 'index' ? 'missing now' : 'whole now');
  const names = (list: typeof kept, kind: NotWholeKind) =>
    list.filter((one) => one.kind === kind).map(({ name }) => name);
  return [
    ...NOT_WHOLE_KINDS.flatMap((kind) => [
      ...sentence(kind, names(gone, kind), (what, are) => [
        `${what} ${are} ${now(kind)}: ${STATE[kind]} in the backup`,
      ]),
      ...sentence(kind, names(kept, kind), (what, are) => [
        `${what} ${are} ${STATE[kind]}, as in the backup`,
      ]),
    ]),
    ...sentence('constraint', found.notValidated, (what, are) => [
      `${what} ${are} not validated, as in the backup`,
    ]),
  ];
}

function sentence(
  kind: NotWholeKind | 'constraint',
  names: readonly string[],
  say: (what: string, are: 'is' | 'are', name: string) => string[],
): string[] {
  const [first, ...rest] = names;
  if (first === undefined) return [];
  const shown =
    names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more` : '');
  const plural = kind.endsWith('x') ? `${kind}es` : `${kind}s`;
  const [what, are] = rest.length === 0 ? [kind, 'is' as const] : [plural, 'are' as const];
  return [say(`the ${what} ${shown}`, are, first).join(' ')];
}
