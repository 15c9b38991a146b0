import type { KubeObject } from './objects.js';

/** The fields of an object that a manager has set, as the API server records them. */
interface FieldsV1 {
  [path: string]: FieldsV1;
}

interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: FieldsV1;
}

/**
 * Returns what a manager has applied of an object, with the values that it has now: what the manager has to apply again
 * to keep it. Undefined: it has applied nothing. Source: kubernetes.io, Server-Side Apply, and
 * structured-merge-diff, `fieldpath/serialize-pe.go`, for the keys of `fieldsV1`.
 */
export function appliedFields(object: KubeObject, manager: string): KubeObject | undefined {
  const managed = (object.metadata.managedFields ?? []) as ManagedFields[];
  const own = managed.find(
    (one) => one.manager === manager && one.operation === 'Apply' && !one.subresource,
  )?.fieldsV1;
  if (!own) return undefined;
  const { apiVersion, kind, metadata } = object;
  const picked = pick(object, own) as Partial<KubeObject>;
  const { name, namespace } = metadata;
  return {
    ...picked,
    apiVersion,
    kind,
    metadata: { ...picked.metadata, name, ...(namespace === undefined ? {} : { namespace }) },
  };
}

/** A field with nothing below it is owned whole; `.` is the field itself, without what is in it. */
function pick(value: unknown, fields: FieldsV1): unknown {
  const paths = Object.entries(fields);
  if (paths.length === 0) return value;
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const path = paths.find(([key]) => isItem(item, key));
      if (!path) return [];
      const [key, below] = path;
      const picked = pick(item, below);
      return [key.startsWith('k:') ? { ...JSON.parse(key.slice(2)), ...(picked as object) } : picked];
    });
  }
  const own = value as Record<string, unknown>;
  return Object.fromEntries(
    paths.flatMap(([key, below]) => {
      const name = key.slice(2);
      return key.startsWith('f:') && name in own ? [[name, pick(own[name], below)]] : [];
    }),
  );
}

function isItem(item: unknown, path: string): boolean {
  if (path.startsWith('v:')) return JSON.stringify(item) === path.slice(2);
  if (!path.startsWith('k:')) return false;
  const keys = JSON.parse(path.slice(2)) as Record<string, unknown>;
  return Object.entries(keys).every(([name, value]) => (item as Record<string, unknown>)[name] === value);
}
